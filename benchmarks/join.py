"""How much memory and time the join of an hour of video takes.

Joins 108,000 frames (1 h at 30 frames/s) from shards of 4 s, read from Azurite, into one MP4 of
more than 500 MB, written to Azurite: the same way as in Azure. The frames are noise, since only
their size matters here.

    python -m benchmarks.join [--minutes 60]
"""

from __future__ import annotations

import io
import resource
import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import IO, cast

import av
import numpy as np
import psutil
from azure.core.exceptions import ServiceRequestError
from azure.storage.blob import BlobServiceClient, ContainerClient

from benchmarks import report
from benchmarks.media import Size
from emulator import azurite
from emulator.config import Config
from function_app.media.extras import Sidecar
from function_app.media.join import join, reserved_bytes
from function_app.stages.stitch import AROUND_INDEX
from function_app.store.streams import BlobReader, BlobWriter
from gpu_worker.plan import Encoding, Plan, Shard, Timeline

RATE = 30
SHARD_FRAMES = 4 * RATE
SIZE = Size(128, 96)
QUALITY = Encoding()
MIB = 2**20


@dataclass(frozen=True, slots=True)
class Measured:
    """What one join took.

    Attributes:
        frames: of the result.
        shards: that were joined.
        result_mib: size of the result, 2^20 bytes.
        seconds: wall-clock time.
        memory_growth_mib: peak of the process's resident memory over what it had before, 2^20
            bytes.
    """

    frames: int
    shards: int
    result_mib: float
    seconds: float
    memory_growth_mib: float


def main() -> None:
    """Measure once, print the result and keep it."""
    parser = report.options("benchmarks.join", __doc__)
    parser.add_argument("--minutes", type=int, default=60, help="of video")
    options = parser.parse_args()
    with _running_azurite() as container:
        container.upload_blob("shard.mp4", _shard())
        measured = _measure(container, _plan(options.minutes * 60 * RATE))
    print(report.keep(options.results, "join", ("av",), asdict(measured)))


def _measure(container: ContainerClient, plan: Plan) -> Measured:
    shard_blob, result_blob = (
        container.get_blob_client(name) for name in ("shard.mp4", "result.mp4")
    )

    def open_shard(_: Shard) -> IO[bytes]:
        return cast("IO[bytes]", io.BufferedReader(BlobReader(shard_blob)))

    memory, start = psutil.Process().memory_info().rss, time.perf_counter()
    out = BlobWriter(result_blob, reserved_bytes(plan) + AROUND_INDEX, "video/mp4")
    join(plan, open_shard, [], Sidecar(), out)
    out.commit()
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # kibibytes on Linux
    return Measured(
        frames=plan.frame_count,
        shards=len(plan.shards),
        result_mib=round(result_blob.get_blob_properties().size / MIB, 1),
        seconds=round(seconds, 1),
        memory_growth_mib=round((peak - memory) / MIB, 1),
    )


def _plan(frames: int) -> Plan:
    timeline = Timeline((1, RATE), 0, ((1, frames),))
    starts = range(0, frames, SHARD_FRAMES)
    shards = (Shard(index, first, first + SHARD_FRAMES) for index, first in enumerate(starts))
    return Plan("benchmark", 0, timeline, timeline, SIZE.picture, tuple(shards))


def _shard() -> bytes:
    """Encode frames of noise, with B-frames."""
    noise = np.random.default_rng(0)
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        stream.options = {"crf": str(QUALITY.crf), "preset": QUALITY.preset, "threads": "1"}
        for number in range(SHARD_FRAMES):
            pixels = noise.integers(0, 256, (SIZE.height, SIZE.width, 3), np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


@contextmanager
def _running_azurite() -> Generator[ContainerClient]:
    """Run Azurite while the context lasts; give an empty container."""
    with tempfile.TemporaryDirectory() as folder:
        config = Config.on_free_ports(Path(folder))
        with subprocess.Popen(azurite.command(config), stdout=subprocess.DEVNULL) as process:
            try:
                yield _new_container(config)
            finally:
                process.terminate()


def _new_container(config: Config) -> ContainerClient:
    service = BlobServiceClient.from_connection_string(config.storage)
    while True:
        try:
            return service.create_container("benchmark")
        except ServiceRequestError:
            time.sleep(0.1)  # the client itself tries for a while before it raises


if __name__ == "__main__":
    main()
