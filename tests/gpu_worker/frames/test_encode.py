"""Encoding: one packet a frame, tags as planned, and no file unless it is whole."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from av.video.stream import VideoStream

from gpu_worker.errors import InputError, ToolError
from gpu_worker.frames.encode import write_shard
from gpu_worker.frames.frame import Frame
from gpu_worker.plan import SEAL_BYTES, Encoding, Plan, Timeline, seal
from tests.gpu_worker.plans import even, synthetic_plan


def moving(plan: Plan, damaged: Iterable[int] = ()) -> Iterator[Frame]:
    """Make the frames of a plan's first shard: a bright square on its way to the right."""
    width, height = plan.picture.padded_size
    for index in range(len(plan.shards[0])):
        planes = np.full((height * 3 // 2, width), 128, np.uint8)
        planes[:height] = 40
        planes[8:24, index : index + 16] = 220
        yield Frame(plan.shards[0], index, planes, index in damaged)


def encode(plan: Plan, folder: Path, damaged: Iterable[int] = ()) -> Path:
    write_shard(moving(plan, damaged), plan, plan.shards[0], folder, threads=1)
    return folder / plan.shards[0].name


def video_of(file: Path) -> tuple[VideoStream, list[tuple[int, int]], list[av.VideoFrame]]:
    """Return a file's stream, the pts and dts of its packets, and its frames."""
    with av.open(file) as container:
        stream = container.streams.video[0]
        packets = [(p.pts, p.dts) for p in container.demux(stream) if p.size]
    with av.open(file) as container:
        return stream, packets, list(container.decode(video=0))


@pytest.mark.parametrize("count", [1, 2, 3, 10, 300])
def test_there_is_a_packet_for_each_frame_timed_by_its_number(tmp_path: Path, count: int):
    _, packets, frames = video_of(encode(synthetic_plan(even(count), shard_length=count), tmp_path))
    assert sorted(pts for pts, _ in packets) == list(range(count))
    assert all(earlier < later for (_, earlier), (_, later) in pairwise(packets))
    assert len(frames) == count
    assert [file.name for file in tmp_path.iterdir()] == ["00000.mp4"]


def test_frames_look_as_they_did(tmp_path: Path):
    plan = synthetic_plan(even(30), shard_length=30)
    _, _, frames = video_of(encode(plan, tmp_path))
    for made, found in zip(moving(plan), frames, strict=True):
        error = made.planes.astype(float) - found.to_ndarray(format="yuv420p")
        assert np.mean(error**2) < 4  # 42 dB


@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize(
    ("matrix", "number"), [("bt709", 1), ("bt470bg", 5), ("smpte170m", 6), ("bt2020nc", 9)]
)
def test_colours_and_shape_are_tagged_as_planned(
    tmp_path: Path, matrix: str, number: int, full_range: bool
):
    plan = synthetic_plan(
        even(3),
        matrix=matrix,
        primaries="smpte170m",
        transfer="iec61966-2-1",
        full_range=full_range,
        sample_aspect_ratio=(16, 11),
    )
    file = encode(plan, tmp_path)
    with av.open(file) as container:
        context = container.streams.video[0].codec_context
        found = (context.colorspace, context.color_primaries, context.color_trc)
        assert tuple(map(int, found)) == (number, 6, 13)
        assert int(context.color_range) == (2 if full_range else 1)
        assert context.sample_aspect_ratio == Fraction(16, 11)
        frame = next(container.decode(video=0))
    codes = np.frombuffer(frame.planes[0], np.uint8)
    assert abs(int(codes[0]) - 40) <= 1, "the codes themselves must not be converted"


@pytest.mark.parametrize("seconds", [Fraction(1, 2000), Fraction(1001, 30000), Fraction(60)])
def test_any_frame_rate_can_be_encoded(tmp_path: Path, seconds: Fraction):
    timeline = Timeline.of(range(4), 1, seconds)
    _, packets, _ = video_of(encode(synthetic_plan(timeline), tmp_path))
    assert sorted(pts for pts, _ in packets) == [0, 1, 2, 3]


def test_shards_of_a_plan_share_their_parameters(tmp_path: Path):
    plan = synthetic_plan(even(43), shard_length=41)
    parameters: list[bytes | None] = []
    for shard in plan.shards:
        content = (Frame(shard, index, f.planes) for index, f in enumerate(moving(plan)))
        frames = [next(content) for _ in range(len(shard))]
        write_shard(frames, plan, shard, tmp_path, threads=1)
        with av.open(tmp_path / shard.name) as container:
            parameters.append(container.streams.video[0].codec_context.extradata)
    assert parameters[0]
    assert parameters[0] == parameters[1]


def test_a_shard_ends_with_its_seal(tmp_path: Path):
    plan = synthetic_plan(even(7))
    encode(plan, tmp_path)
    (shard,) = plan.shards
    content = (tmp_path / shard.name).read_bytes()
    assert content[-SEAL_BYTES:] == seal(plan, shard, [content[:-SEAL_BYTES]])


def test_damaged_frames_are_listed_beside_the_shard(tmp_path: Path):
    plan = synthetic_plan(even(7))
    encode(plan, tmp_path, damaged=[2, 5])
    listed = json.loads((tmp_path / plan.shards[0].damage_name).read_bytes())
    assert listed == {"frames": [2, 5], "concealed": [], "scaled": []}


def test_frames_that_decoded_with_errors_are_listed_beside_the_shard(tmp_path: Path):
    plan = synthetic_plan(even(7))
    *frames, last = moving(plan)
    write_shard(
        [*frames, replace(last, concealed=(1, 4), scaled=(3,))], plan, plan.shards[0], tmp_path, 1
    )
    listed = json.loads((tmp_path / plan.shards[0].damage_name).read_bytes())
    assert listed == {"frames": [], "concealed": [1, 4], "scaled": [3]}


def test_a_frame_too_few_makes_no_file(tmp_path: Path):
    plan = synthetic_plan(even(7))
    frames = list(moving(plan))[:-1]
    with pytest.raises(ToolError, match=r"00000\.mp4 holds 6 frames, not 7"):
        write_shard(frames, plan, plan.shards[0], tmp_path, threads=1)
    assert not list(tmp_path.iterdir())


def test_an_exception_on_the_way_makes_no_file(tmp_path: Path):
    plan = synthetic_plan(even(7))

    def interrupted() -> Iterator[Frame]:
        yield next(moving(plan))
        raise InputError("no more")

    with pytest.raises(InputError, match="no more"):
        write_shard(interrupted(), plan, plan.shards[0], tmp_path, threads=1)
    assert not list(tmp_path.iterdir())


def test_an_encoder_that_refuses_is_reported_with_its_words_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    plan = synthetic_plan(even(7), transfer="no-such-transfer")
    with pytest.raises(ToolError, match="ended with status"):
        encode(plan, tmp_path)
    assert "no-such-transfer" in caplog.text
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU, which may have NVENC")
def test_a_machine_without_nvenc_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    plan = replace(synthetic_plan(even(30)), encoding=Encoding(codec="h264_nvenc"))
    with pytest.raises(ToolError):
        encode(plan, tmp_path)
    assert "h264_nvenc" in caplog.text
    assert not list(tmp_path.iterdir())


def test_a_disk_that_is_not_there_is_reported(tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        encode(synthetic_plan(even(2)), tmp_path / "gone")
