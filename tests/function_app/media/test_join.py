"""The join: what proves a shard, and how little memory a long video takes."""

import io
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import IO

import av
import psutil
import pytest

from function_app.errors import ServiceError
from function_app.media.extras import Chapter, Sidecar
from function_app.media.join import join, reserved_bytes
from gpu_worker.plan import Picture, Plan, Shard, Timeline
from tests.function_app.clips import Clips, encode, frames_of, opened
from tests.function_app.media.test_extras import extract

NOTHING = Sidecar()
PICTURE = Picture(64, 48, (1, 1), "bt709", "bt709", "bt709", False, False, False)
TICK = Fraction(1, 24)


def plan_for(pts: Sequence[int], lengths: Sequence[int], tick: Fraction = TICK) -> Plan:
    """Plan frames at timestamps, in shards of certain lengths."""
    timeline = Timeline.of(pts, 1, tick)
    edges = [sum(lengths[:place]) for place in range(len(lengths) + 1)]
    shards = [Shard(i, *span) for i, span in enumerate(pairwise(edges))]
    return Plan("job", 0, timeline, timeline, PICTURE, tuple(shards))


@pytest.fixture
def frames(clips: Clips) -> list[av.VideoFrame]:
    with opened(clips["plain.mp4"]) as container:
        return list(container.decode(video=0))


def joined(plan: Plan, shards: dict[Shard, bytes]) -> bytes:
    out = io.BytesIO()
    join(plan, lambda shard: io.BytesIO(shards[shard]), [], NOTHING, out)
    return out.getvalue()


def encoded(plan: Plan, frames: list[av.VideoFrame]) -> dict[Shard, bytes]:
    return {shard: encode(plan, frames[shard.first : shard.last]) for shard in plan.shards}


@pytest.mark.parametrize(
    "pts",
    [
        range(12),
        range(30, 42),
        [0, 1, 5, 6, 7, 20, 21, 22, 23, 40, 41, 90],
        [32, 115, 199, 282, 365, 532, 615, 698, 781, 865, 948, 1031],
    ],
    ids=["even", "late", "uneven", "late and uneven"],
)
@pytest.mark.parametrize("lengths", [[12], [5, 7], [1, 1, 2, 2, 2, 2, 2], [1, 11], [11, 1]])
def test_frames_come_at_the_times_of_the_plan(
    frames: list[av.VideoFrame], pts: Sequence[int], lengths: list[int]
) -> None:
    plan = plan_for(pts, lengths)
    made = frames_of(joined(plan, encoded(plan, frames)))
    assert [frame.time for frame in made] == [tick * TICK for tick in pts]
    assert [frame.grey for frame in made] == pytest.approx(
        [frame.to_ndarray(format="gray")[8, 8] for frame in frames[:12]], abs=3
    )


@pytest.mark.parametrize(
    ("others", "message"),
    [(slice(6, 11), "holds 5 frames, not 6"), (slice(6, 13), "holds 7 frames, not 6")],
    ids=["short", "long"],
)
def test_a_shard_of_another_length_is_refused(
    frames: list[av.VideoFrame], others: slice, message: str
) -> None:
    plan = plan_for(range(12), [6, 6])
    shards = encoded(plan, frames) | {plan.shards[1]: encode(plan, frames[others])}
    with pytest.raises(ServiceError, match=rf"shard 00001\.mp4 {message}"):
        joined(plan, shards)


def test_a_shard_of_another_size_is_refused(frames: list[av.VideoFrame]) -> None:
    plan = plan_for(range(12), [6, 6])
    foreign = replace(plan, picture=replace(PICTURE, width=128))
    shards = encoded(plan, frames) | {plan.shards[1]: encode(foreign, frames[6:12])}
    with pytest.raises(ServiceError, match=r"shard 00001\.mp4 was encoded with other parameters"):
        joined(plan, shards)


A_LOT = 300_000
SAYING = {
    "nothing": NOTHING,
    "much": Sidecar(metadata={"comment": "\u00e4" * A_LOT, "make": "Canon"}),
    "chapters": Sidecar(
        tuple(Chapter(at / 100, (at + 1) / 100, "\u00e4" * 50) for at in range(2000))
    ),
    "a timecode": Sidecar(metadata={"timecode": "01:00:00:00", "title": "Trip"}),
}


@pytest.mark.parametrize("name", ["", "tracks.mkv", "vorbis.mkv", "pcm.mov"])
@pytest.mark.parametrize("saying", SAYING)
def test_the_index_fits_into_what_was_reserved(
    frames: list[av.VideoFrame], clips: Clips, saying: str, name: str
) -> None:
    plan, sidecar = plan_for(range(48), [24, 24]), SAYING[saying]
    tracks = [io.BytesIO(track) for track in (extract(clips[name])[0] if name else [])]
    reserved, shards, out = (
        reserved_bytes(plan, tracks, sidecar),
        encoded(plan, frames),
        io.BytesIO(),
    )
    join(plan, lambda shard: io.BytesIO(shards[shard]), tracks, sidecar, out)
    content = out.getvalue()
    data = content.index(b"mdat")
    assert content.index(b"moov") < data < reserved + 2**16
    said = sum(len(f"{key}{value}".encode()) for key, value in sidecar.metadata.items())
    said += sum(len(chapter.title.encode()) for chapter in sidecar.chapters)
    assert reserved < 40_000 + 200 * len(sidecar.chapters) + 2 * said


class Counter:
    """Takes what a writer of blobs takes, keeps nothing, and refuses to go back."""

    def __init__(self, head_size: int) -> None:
        self.size = self.position = 0
        self._head_size = head_size

    def tell(self) -> int:
        return self.position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self.position = {io.SEEK_SET: 0, io.SEEK_CUR: self.position, io.SEEK_END: self.size}[
            whence
        ] + offset
        return self.position

    def write(self, data: bytes) -> int:
        assert self.position == self.size or self.position + len(data) <= self._head_size
        self.position += len(data)
        self.size = max(self.size, self.position)
        return len(data)


def test_a_long_video_takes_little_memory_and_no_file(
    frames: list[av.VideoFrame], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    length, count = 40, 500
    plan = plan_for(range(length * count), [length] * count)
    shard = encode(plan, frames[:length])
    out = Counter(reserved_bytes(plan) + 2**16)
    opened_shards = 0

    def open_shard(_: Shard) -> IO[bytes]:
        nonlocal opened_shards
        opened_shards += 1
        return io.BytesIO(shard)

    before = resident_bytes()
    join(plan, open_shard, [], NOTHING, out)
    assert resident_bytes() - before < 40 * 2**20
    assert opened_shards == count + 1
    assert list(tmp_path.iterdir()) == []


def resident_bytes() -> int:
    return psutil.Process().memory_info().rss
