"""A campaign: mutants by number, through an Azurite of their own, each by a process under limits.

The process is spawned, so what it is made of has to be in a module that it can import, which the
one of `python -m` is not.
"""

from __future__ import annotations

import logging
import os
import socket
import tempfile
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain
from multiprocessing import get_context
from pathlib import Path
from random import Random
from subprocess import DEVNULL, Popen

from azure.storage.blob import BlobServiceClient

from emulator import azurite
from emulator.config import HOST, PROJECT_ROOT, Config
from function_app.options.container import CONTAINER
from function_app.store.jobs import Job
from fuzz import seeds
from fuzz.arrival import Arrival, arrive
from fuzz.journey import VIOLATION, End, travel, uploaded
from fuzz.kinds import outcome
from fuzz.mutators import MUTATORS
from fuzz.seeks import compare
from fuzz.specials import specials

FAILURES = PROJECT_ROOT / "out" / "fuzz"
MOST_MUTATIONS = 3
START_S = 60.0
SETTINGS = {
    "AML_PROCESSES_PER_NODE": "1",
    "MAX_PIXELS": str(1920 * 1088),
    "MAX_FRAMES": "2000",
    "MAX_MINUTES": "10",
    "CHILD_CPU_SECONDS": "20",
    "CHILD_MEMORY_MIB": "512",
}
GENEROUS = {"AML_PROCESSES_PER_NODE": "1", "ENCODER_PRESET": "ultrafast"}


def journeys(numbers: list[int]) -> Iterator[tuple[int, str, End]]:
    """Send mutants on their way through an Azurite of their own; yield how each ended."""
    with (
        _traveller() as traveller,
        _trap() as (file, url),
        tempfile.TemporaryDirectory() as folder,
    ):
        good = seeds.make(Path(folder))
        hurtful = specials(good, file, url)
        for number in numbers:
            name, content = mutant(number, good, hurtful)
            end = traveller.send(f"{number:05}-{name}", content, travel)
            if end.outcome == VIOLATION:
                FAILURES.mkdir(parents=True, exist_ok=True)
                (FAILURES / f"{number:05}-{name}").write_bytes(content)
                print(f"{number} {name}: {end}", flush=True)
            yield number, name, end


def comparisons(files: list[Path]) -> Iterator[tuple[str, str]]:
    """Yield of each file, or of each seed if there are none, how its shards differ from FFmpeg."""
    with _traveller() as traveller, tempfile.TemporaryDirectory() as folder:
        made = {} if files else seeds.make(Path(folder))
        contents = chain(((file.name, file.read_bytes()) for file in files), made.items())
        for name, content in contents:
            yield name, traveller.send(name, content, partial(compare, content=content))


def arrivals(files: list[Path], container: str) -> Iterator[tuple[str, Arrival]]:
    """Send good files on their way, by the app's own limits; yield how each arrived.

    Args:
        files: to send.
        container: that the results are to have.
    """
    with _traveller(GENEROUS) as traveller:
        for file in files:
            content = file.read_bytes()
            way = partial(arrive, content=content)
            yield file.name, traveller.send(file.name, content, way, {CONTAINER: container})


def outcomes(files: Iterable[tuple[str, bytes]], container: str) -> Iterator[str]:
    """Preprocess files; yield what becomes of each in a result of that container."""
    with _traveller() as traveller:
        for name, content in files:
            yield traveller.send(name, content, outcome, {CONTAINER: container})


def mutant(number: int, good: dict[str, bytes], hurtful: dict[str, bytes]) -> tuple[str, bytes]:
    """Return name and content of a mutant: first the specials, then seeds as dice change them."""
    if number < len(hurtful):
        return list(hurtful.items())[number]
    dice = Random(number)
    kinds = list(good)[: seeds.FIRST] if number < seeds.OF_THE_FIRST else list(good)
    name = kinds[number % len(kinds)]
    content = good[name]
    for mutate in dice.choices(MUTATORS, k=dice.randint(1, MOST_MUTATIONS)):
        content = mutate(content, dice) or content
    return name, content


@dataclass(frozen=True, slots=True)
class _Traveller:
    """Sends files on their way, by a process with the app's settings."""

    process: ProcessPoolExecutor
    storage: BlobServiceClient

    def send[T](
        self,
        name: str,
        content: bytes,
        way: Callable[[Job], T],
        metadata: dict[str, str] | None = None,
    ) -> T:
        """Upload a file; return what comes of its job by the way that it goes."""
        job = uploaded(self.storage, name, content, metadata)
        return self.process.submit(way, job).result()


@contextmanager
def _traveller(settings: Mapping[str, str] = SETTINGS) -> Generator[_Traveller]:
    """Run Azurite, and a new process with the app's settings.

    A child inherits the memory of its parent, which counts against its own limit: so the parent of
    those under limits is small, whoever asks for journeys.
    """
    with (
        _storage(settings) as config,
        ProcessPoolExecutor(
            1, get_context("spawn"), initializer=_prepare, initargs=(config.app_settings,)
        ) as process,
        BlobServiceClient.from_connection_string(config.storage) as storage,
    ):
        yield _Traveller(process, storage)


def _prepare(settings: dict[str, str]) -> None:
    os.environ.update(settings)
    logging.disable(logging.WARNING)  # what FFmpeg says of each mutant


@contextmanager
def _storage(settings: Mapping[str, str]) -> Generator[Config]:
    """Run Azurite."""
    with tempfile.TemporaryDirectory() as folder:
        config = Config.on_free_ports(Path(folder), settings=dict(settings))
        with Popen(azurite.command(config), stdout=DEVNULL) as process:
            try:
                _wait_for(config.blob_port)
                azurite.furnish(config)
                yield config
            finally:
                process.terminate()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection((HOST, port)):
            return
        time.sleep(0.1)


@contextmanager
def _trap() -> Generator[tuple[str, str]]:
    """Give a pipe that hangs whoever opens it, and a server that tells if anybody asked.

    Raises:
        RuntimeError: somebody did.
    """
    with tempfile.TemporaryDirectory() as folder, socket.create_server((HOST, 0)) as server:
        pipe = Path(folder) / "trap.mp4"
        os.mkfifo(pipe)
        yield str(pipe), f"http://{HOST}:{server.getsockname()[1]}"
        server.setblocking(False)
        try:
            server.accept()
        except BlockingIOError:
            return
        raise RuntimeError("a file made something ask the server that it names")
