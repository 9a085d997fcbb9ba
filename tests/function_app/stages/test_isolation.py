"""What reads strangers' files is a child: it answers, refuses, is held to limits, and may die."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import psutil
import pytest

from function_app.errors import InputError, ServiceError
from function_app.stages import isolation
from function_app.stages.preprocess import preprocess
from function_app.store.jobs import Job
from tests.function_app.clips import Clips, ffmpeg

type Upload = Callable[..., Job]
type Configure = Callable[..., None]

WAIT_SECONDS = 60


@pytest.fixture
def silent_storage(configure: Configure) -> Generator[int]:
    """The port of storage that never answers: whoever reads a video from it waits."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        endpoint = f"BlobEndpoint=http://127.0.0.1:{port}/devstoreaccount1"
        configure(DATA=f"DefaultEndpointsProtocol=http;AccountName=a;AccountKey=a2V5;{endpoint}")
        yield port


@pytest.fixture
def reading(silent_storage: int) -> Generator[tuple[Future[object], psutil.Process]]:
    """A job that is being read for ever, and the child that reads it."""
    job = Job.of("plain/film.mp4", "etag")
    with ThreadPoolExecutor() as thread:
        waiting = thread.submit(isolation.run, "preprocess", job)
        yield waiting, child_that_reads_from(silent_storage)


def child_that_reads_from(port: int) -> psutil.Process:
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        for child in children():
            with suppress(psutil.NoSuchProcess):
                if any(each.raddr and each.raddr.port == port for each in child.net_connections()):
                    return child
        time.sleep(0.05)
    pytest.fail("no child reads anything")


def children() -> list[psutil.Process]:
    found = list[psutil.Process]()
    for process in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):
            if "function_app.stages.isolation" in process.cmdline():
                found.append(process)
    return found


def test_a_child_answers_as_the_task_itself_does(clips: Clips, upload: Upload) -> None:
    job = upload(clips["plain.mp4"], "apart.mp4")
    found = isolation.run("preprocess", job)
    assert found == {**asdict(preprocess(job)), "notes": []}


def test_a_child_that_answered_is_used_again(clips: Clips, upload: Upload) -> None:
    job = upload(clips["plain.mp4"], "apart.mp4")
    isolation.run("preprocess", job)
    before = {child.pid for child in children()}
    isolation.run("preprocess", job)
    assert {child.pid for child in children()} == before


def test_as_many_children_are_kept_as_activities_run_at_a_time(
    clips: Clips, upload: Upload
) -> None:
    host = json.loads((Path(__file__).parents[3] / "host.json").read_text())
    most = host["extensions"]["durableTask"]["maxConcurrentActivityFunctions"]
    job = upload(clips["plain.mp4"], "apart.mp4")
    with ThreadPoolExecutor(most + 2) as threads:
        list(threads.map(lambda _: isolation.run("preprocess", job), range(most + 2)))
    assert len(children()) == most


def test_a_refusal_is_the_inputs_fault(upload: Upload) -> None:
    with pytest.raises(InputError, match=r"^diary\.mp4 is text, not a video: upload a video$"):
        isolation.run("preprocess", upload(b"Dear diary,\n", "diary.mp4"))


def test_a_failure_is_the_worlds_fault(upload: Upload) -> None:
    with pytest.raises(ServiceError, match=r"plan\.json is missing from the job's folder"):
        isolation.run("stitch", upload(b"never planned", "film.mp4"))


@pytest.mark.parametrize("death", [signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL])
def test_a_crash_is_the_inputs_fault(
    reading: tuple[Future[object], psutil.Process], death: signal.Signals
) -> None:
    waiting, child = reading
    child.send_signal(death)
    with pytest.raises(InputError, match=rf"crashes what reads it \({death.name}\)"):
        waiting.result(WAIT_SECONDS)


@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGTERM])
def test_an_end_from_outside_is_the_worlds_fault(
    reading: tuple[Future[object], psutil.Process], death: signal.Signals
) -> None:
    waiting, child = reading
    child.send_signal(death)
    with pytest.raises(ServiceError, match=r"the process that read film\.mp4 was ended"):
        waiting.result(WAIT_SECONDS)


def test_a_child_that_hangs_is_killed(silent_storage: int, monkeypatch: pytest.MonkeyPatch) -> None:
    del silent_storage
    monkeypatch.setattr(isolation, "LONGEST_S", 2.0)
    with pytest.raises(ServiceError, match="was ended"):
        isolation.run("preprocess", Job.of("plain/film.mp4", "etag"))


def test_a_child_that_died_is_replaced(clips: Clips, upload: Upload) -> None:
    job = upload(clips["plain.mp4"], "apart.mp4")
    isolation.run("preprocess", job)
    for child in children():
        child.kill()
        child.wait(WAIT_SECONDS)
    assert isolation.run("preprocess", job)["frames"] == 48


def test_too_much_processor_time_is_the_inputs_fault(
    clips: Clips, upload: Upload, configure: Configure
) -> None:
    file = clips["plain.mp4"].with_name("long sound.mov")
    sound = ["-f", "lavfi", "-i", "anullsrc=r=48000:cl=mono", "-t", "3600", "-c:a", "pcm_mulaw"]
    ffmpeg("-i", str(clips["plain.mp4"]), *sound, "-map", "0:v", "-map", "1:a", str(file))
    configure(CHILD_CPU_SECONDS="1")
    with pytest.raises(InputError, match="takes more than 1 s of processor time to read: convert"):
        isolation.run("preprocess", upload(file, file.name))


def test_too_much_memory_is_the_inputs_fault(
    clips: Clips, upload: Upload, configure: Configure
) -> None:
    file = clips["plain.mp4"].with_name("big.mkv")
    ffmpeg("-f", "lavfi", "-i", "color=s=4096x2304:d=1", "-c:v", "ffv1", str(file))
    configure(CHILD_MEMORY_MIB="70")
    with pytest.raises(InputError, match="use a copy that plays"):
        isolation.run("preprocess", upload(file, file.name))


def test_a_child_ends_with_whoever_asked() -> None:
    command = [sys.executable, "-m", "function_app.stages.isolation"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None
        child.stdin.close()
        assert child.wait(WAIT_SECONDS) == 0
