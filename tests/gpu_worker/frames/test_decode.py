"""Decoding: every frame of a plan at its timestamp, wherever a shard begins."""

import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np
import pytest
from numpy.typing import NDArray

from gpu_worker.errors import InputError, ToolError
from gpu_worker.frames.decode import frames
from gpu_worker.frames.frame import Frame
from gpu_worker.plan import Plan, Timeline
from tests.function_app.clips import PLAYLISTS, Clips, ffmpeg, numbered
from tests.gpu_worker.plans import cut, plan_of
from tests.real_videos import REAL_VIDEOS

MOVING = ["-f", "lavfi", "-i", "testsrc2=size=128x96:rate=25:duration=2"]
TALKING_AT_ONCE = """#!{python}
# FFmpeg, whose decoder says all that it says in the midst of a line of showinfo's.
import re, subprocess, sys

pipes = {{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "close_fds": False}}
pictures, log = subprocess.Popen([{ffmpeg!r}, *sys.argv[1:]], **pipes).communicate()
lines = [line for line in log.splitlines(keepends=True) if {unsaid!r} not in line]
# Without what may have come in the midst of it already.
begun = re.findall(rb"^.*?showinfo.*? type:.", b"".join(lines), re.MULTILINE)
for line in lines:
    if begun and (b"decoder -> " in line or b"[error]" in line):
        line = begun[0] + re.sub(rb"^(\\[[^]]*\\] )*", b"", line)
    sys.stderr.buffer.write(line)
sys.stderr.flush()
sys.stdout.buffer.write(pictures)
"""
INTERLACED = [*MOVING, "-vf", "interlace=scan=tff:lowpass=off", "-flags", "+ilme+ildct"]


@pytest.fixture
def talk_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Give what lets FFmpeg's threads talk at once, but for lines with what is to stay unsaid."""
    program, real = tmp_path / "talking", imageio_ffmpeg.get_ffmpeg_exe()

    def start(unsaid: bytes = b"\0") -> None:
        words = {"python": sys.executable, "ffmpeg": real, "unsaid": unsaid}
        program.write_text(TALKING_AT_ONCE.format(**words))
        program.chmod(0o755)
        monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(program))

    return start


def decode(video: Path, plan: Plan) -> list[Frame]:
    """Decode all shards, one after the other."""
    return [frame for shard in plan.shards for frame in frames(video, plan, shard, threads=1)]


def luma(frame: Frame) -> NDArray[np.uint8]:
    return frame.planes[: len(frame.planes) * 2 // 3]


def reference(video: Path, stream: int) -> dict[int, NDArray[np.uint8]]:
    """Decode the luma of every frame at one go, by another library."""
    with av.open(video) as container:
        return {frame.pts: plane(frame) for frame in container.decode(container.streams[stream])}


def plane(frame: av.VideoFrame) -> NDArray[np.uint8]:
    rows = np.frombuffer(frame.planes[0], np.uint8).reshape(-1, frame.planes[0].line_size)
    return rows[: frame.height, : frame.width]


def assert_exact(video: Path, plan: Plan) -> None:
    expected = reference(video, plan.stream)
    assert list(plan.source) == sorted(expected)
    decoded = decode(video, plan)
    assert [frame.index for frame in decoded] == list(range(plan.frame_count))
    assert not any(frame.damaged for frame in decoded)
    for frame, pts in zip(decoded, plan.source, strict=True):
        assert np.array_equal(luma(frame), expected[pts]), f"frame {frame.index}"


@pytest.mark.parametrize("shard_length", [7, 1000])
@pytest.mark.parametrize(
    "name",
    [
        "plain.mp4",
        "one_keyframe.mp4",
        "vfr.mp4",
        "vfr.mkv",
        "ntsc.mov",
        "fragmented.mp4",
        "vp8.webm",
        "rotated.mp4",
        "offset.mp4",
        "offset.mkv",
    ],
)
def test_shards_hold_what_a_full_decode_holds(clips: Clips, name: str, shard_length: int):
    assert_exact(clips[name], plan_of(clips[name], shard_length))


@pytest.mark.parametrize("name", ["fragmented.mp4", "offset.mkv"])
def test_a_shard_may_begin_anywhere(clips: Clips, name: str):
    assert_exact(clips[name], plan_of(clips[name], shard_length=1))


@pytest.mark.parametrize("name", [file.name for file in sorted(REAL_VIDEOS.glob("*.m[pok][4v]*"))])
def test_real_files_are_exact(name: str):
    full_range = "fullrange" in name
    assert_exact(REAL_VIDEOS / name, plan_of(REAL_VIDEOS / name, 101, full_range=full_range))


def test_full_range_stays_as_it_is(clips: Clips):
    video = clips["full_range.mp4"]
    assert_exact(video, plan_of(video, full_range=True))


def test_an_odd_size_gains_a_copy_of_its_last_row_and_column(clips: Clips):
    video = clips["odd.webm"]
    plan = plan_of(video, 24)
    expected = reference(video, plan.stream)
    for frame, pts in zip(decode(video, plan), plan.source, strict=True):
        assert np.array_equal(luma(frame), np.pad(expected[pts][:49, :65], (0, 1), mode="edge"))


def test_ten_bits_become_eight(tmp_path: Path):
    video = tmp_path / "ten.mp4"
    ffmpeg(*numbered(), "-pix_fmt", "yuv420p10le", "-c:v", "libx264", "-crf", "1", str(video))
    greys = [luma(frame).mean() for frame in decode(video, plan_of(video))]
    assert greys == pytest.approx([20 + 4 * number for number in range(48)], abs=1)


def test_hdr_becomes_sdr(tmp_path: Path):
    """203 cd/m2, the white of graphics in PQ (ITU-R BT.2408), is bright but not clipped."""
    video = tmp_path / "hdr.mp4"
    white = "color=gray:s=64x48:r=24,trim=end_frame=3,format=yuv420p10le,geq=lum=573:cb=512:cr=512"
    tags = "setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc"
    lossless = ["-c:v", "libx265", "-x265-params", "lossless=1:log-level=none"]
    ffmpeg("-f", "lavfi", "-i", f"{white},{tags}", *lossless, str(video))
    for frame in decode(video, plan_of(video, hdr=True)):
        assert 160 < luma(frame).mean() < 235
        assert np.ptp(luma(frame)) <= 2


RED = (81, 90, 240)
"""Y, Cb and Cr of red in BT.601, limited range."""


def colours(frame: Frame) -> tuple[float, float, float]:
    rows = len(frame.planes) * 2 // 3
    blue, red = np.split(frame.planes[rows:].reshape(-1), 2)
    return luma(frame).mean(), blue.mean(), red.mean()


@pytest.mark.parametrize("matrix", ["ycgco", "bt2020c", "chroma-derived-nc"])
def test_a_matrix_that_is_no_sum_of_colours_is_converted(tmp_path: Path, matrix: str):
    video = tmp_path / "red.mkv"
    tags = "setparams=color_primaries=smpte170m:color_trc=smpte170m:colorspace=gbr:range=pc"
    coded = f"zscale=matrix={matrix}:range=limited,format=yuv444p"
    red = f"color=red:s=64x48:r=24,trim=end_frame=2,format=gbrp,{tags},{coded}"
    ffmpeg("-f", "lavfi", "-i", red, "-c:v", "ffv1", str(video))
    source = {"source_primaries": "smpte170m", "source_transfer": "smpte170m"}
    plan = plan_of(video, matrix="smpte170m", source_matrix=matrix, **source)
    assert colours(decode(video, plan)[0]) == pytest.approx(RED, abs=2)


def test_rgb_is_of_full_range(clips: Clips):
    video = clips["rgb.mov"]
    plan = plan_of(video, matrix="smpte170m", source_matrix="gbr")
    assert [round(colours(frame)[0]) for frame in decode(video, plan)] == pytest.approx(
        [20, 24], abs=1
    )


def test_what_is_transparent_is_painted_over_white(clips: Clips):
    video = clips["see_through.mov"]
    plan = plan_of(video, matrix="smpte170m", source_matrix="gbr", transparent=True)
    half = [(a + b) / 2 for a, b in zip(RED, (235, 128, 128), strict=True)]
    assert [colours(frame) for frame in decode(video, plan)] == [pytest.approx(half, abs=2)] * 3


def noisy_clip(folder: Path, first: int, last: int) -> Path:
    """Make a clip with a keyframe every 10 frames, of which a stretch has bit errors."""
    video, noisy = folder / "good.mkv", folder / "noisy.mkv"
    ffmpeg(*MOVING, "-c:v", "libx264", "-g", "10", "-bf", "0", str(video))
    noise = rf"noise=amount='if(between(n\,{first}\,{last})\,300\,0)'"
    ffmpeg("-i", str(video), "-c", "copy", "-bsf:v", noise, str(noisy))
    return noisy


def test_frames_that_decode_with_errors_are_named_by_the_last_of_their_shard(tmp_path: Path):
    noisy = noisy_clip(tmp_path, 22, 27)
    decoded = decode(noisy, plan_of(noisy, 10))
    named = {frame.index: frame.concealed for frame in decoded if frame.concealed}
    assert list(named) == [29]
    assert set(named[29]) <= set(range(22, 30))
    assert len(named[29]) >= 2
    video = noisy.with_name("good.mkv")
    assert not any(frame.concealed for frame in decode(video, plan_of(video, 10)))


def test_the_log_is_understood_where_one_line_comes_in_the_midst_of_another(
    tmp_path: Path, talk_at_once: Callable[..., None]
):
    noisy = noisy_clip(tmp_path, 22, 27)
    plan = plan_of(noisy, 1000)
    apart = decode(noisy, plan)[-1].concealed
    talk_at_once()
    assert decode(noisy, plan)[-1].concealed == apart != ()


def test_what_is_damaged_is_mended_alike_wherever_a_shard_begins(tmp_path: Path):
    assert_mended_alike(tmp_path, lambda: None)


def test_an_error_is_heard_in_the_midst_of_another_line(
    tmp_path: Path, talk_at_once: Callable[..., None]
):
    assert_mended_alike(tmp_path, lambda: talk_at_once(unsaid=b"corrupt decoded frame"))


def assert_mended_alike(folder: Path, begin: Callable[[], None]) -> None:
    """The picture at an entry is damaged too, so that what is mended there is of before."""
    noisy = noisy_clip(folder, 18, 24)
    plan = plan_of(noisy, 5)
    whole = decode(noisy, replace(plan, shards=cut(plan.frame_count, plan.frame_count)))
    begin()
    for part, frame in zip(decode(noisy, plan), whole, strict=True):
        assert np.array_equal(part.planes, frame.planes), f"frame {part.index}"


def test_interlaced_frames_come_one_for_one_and_without_combs(tmp_path: Path):
    video = tmp_path / "interlaced.mp4"
    ffmpeg(*INTERLACED, "-c:v", "libx264", "-crf", "1", "-x264-params", "tff=1", str(video))
    plan = plan_of(video, 8, interlaced=True)
    whole = decode(video, replace(plan, shards=cut(plan.frame_count, plan.frame_count)))
    parts = decode(video, plan)
    assert len(parts) == plan.frame_count == 25
    assert combing(parts) < combing(decode(video, plan_of(video))) / 2
    for part, frame in zip(parts, whole, strict=True):
        assert np.array_equal(part.planes, frame.planes), f"frame {part.index}"


def combing(decoded: Iterable[Frame]) -> float:
    """How much more neighbouring rows differ than rows of the same field."""
    total = 0.0
    for frame in decoded:
        rows = luma(frame).astype(float)
        near = np.abs(rows[1:-1] - (rows[:-2] + rows[2:]) / 2)
        far = np.abs(rows[2:] - rows[:-2])
        total += float(np.maximum(near - far, 0).mean())
    return total


def test_a_size_that_changes_on_the_way_is_brought_to_the_plans(tmp_path: Path):
    parts = [tmp_path / "0.h264", tmp_path / "1.h264"]
    for part, size in zip(parts, ["64x48", "96x64"], strict=True):
        ffmpeg(*numbered(frames=5, size=size), "-c:v", "libx264", "-bf", "0", str(part))
    stream, video = tmp_path / "both.h264", tmp_path / "both.mkv"
    stream.write_bytes(b"".join(part.read_bytes() for part in parts))
    ffmpeg("-framerate", "24", "-i", str(stream), "-c", "copy", str(video))
    decoded = decode(video, plan_of(video, 10, width=64, height=48))
    assert [frame.planes.shape for frame in decoded] == [(72, 64)] * 10
    assert decoded[-1].scaled == (5, 6, 7, 8, 9)
    assert not any(frame.scaled for frame in decoded[:-1])
    assert not any(frame.damaged for frame in decoded)


def with_gap(plan: Plan, missing: int) -> Plan:
    """Plan one frame more, half-way between two: it will never come."""
    pts = [2 * tick for tick in plan.source]
    pts.insert(missing, (pts[missing - 1] + pts[missing]) // 2 if missing else pts[0] - 1)
    timeline = Timeline.of(pts, 2, plan.source.seconds_per_tick / 2)
    return replace(plan, source=timeline, result=timeline, shards=cut(len(pts), 7))


@pytest.mark.parametrize(
    ("missing", "stand_in"),
    [
        pytest.param(10, 9, id="within a shard: the one before"),
        pytest.param(7, 8, id="first of a shard: the one after"),
        pytest.param(6, 5, id="last of a shard: the one before"),
        pytest.param(0, 1, id="first of all: the one after"),
    ],
)
def test_a_frame_that_never_comes_is_replaced_and_marked(clips: Clips, missing: int, stand_in: int):
    video = clips["plain.mp4"]
    decoded = decode(video, with_gap(plan_of(video), missing))
    assert [frame.index for frame in decoded if frame.damaged] == [missing]
    assert np.array_equal(decoded[missing].planes, decoded[stand_in].planes)
    assert len(decoded) == 49


def test_a_frame_that_nobody_planned_is_dropped(clips: Clips):
    video = clips["plain.mp4"]
    plan = plan_of(video)
    pts = list(plan.source)
    expected = reference(video, plan.stream)
    del pts[20], pts[7]
    timeline = Timeline.of(pts, 1, plan.source.seconds_per_tick)
    plan = replace(plan, source=timeline, result=timeline, shards=cut(len(pts), 7))
    for frame, tick in zip(decode(video, plan), pts, strict=True):
        assert not frame.damaged
        assert np.array_equal(luma(frame), expected[tick])


def damage(video: Path, first: float, last: float) -> Path:
    """Copy a file with a part of its bytes, between two shares of its length, overwritten."""
    content = bytearray(video.read_bytes())
    begin, end = int(len(content) * first), int(len(content) * last)
    content[begin:end] = np.random.default_rng(0).bytes(end - begin)
    broken = video.with_name(f"broken-{first}-{last}-{video.name}")
    broken.write_bytes(content)
    return broken


@pytest.fixture(scope="session")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip that is mostly pictures, its index at the end."""
    video = tmp_path_factory.mktemp("long") / "long.mp4"
    ffmpeg(*MOVING, "-c:v", "libx264", "-g", "10", "-crf", "10", str(video))
    return video


@pytest.mark.parametrize(("first", "last"), [(0.3, 0.4), (0.5, 0.501), (0.6, 0.9)])
def test_a_damaged_middle_ends_with_all_frames_or_a_reason(
    long_clip: Path, first: float, last: float
):
    plan = plan_of(long_clip, 10)
    broken = damage(long_clip, first, last)
    for shard in plan.shards:
        with suppress(InputError):
            decoded = list(frames(broken, plan, shard, threads=1))
            assert [frame.index for frame in decoded] == list(range(shard.first, shard.last))


def test_a_shard_of_which_nothing_decodes_is_refused_with_its_times(tmp_path: Path):
    video = tmp_path / "cut.mkv"
    ffmpeg(*MOVING, "-c:v", "libx264", "-g", "10", str(video))
    plan = plan_of(video, 10)
    content = video.read_bytes()
    video.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=r"from 0:00:01\.6 to 0:00:02\.0 of the video; cut"):
        list(frames(video, plan, plan.shards[-1], threads=1))


@pytest.mark.parametrize("kind", sorted(PLAYLISTS))
def test_a_playlist_is_not_followed(clips: Clips, tmp_path: Path, kind: str):
    target = clips["plain.mp4"]
    playlist = tmp_path / "playlist.mp4"
    playlist.write_text(PLAYLISTS[kind].format(target=target))
    plan = plan_of(target)
    with pytest.raises(InputError):
        list(frames(playlist, plan, plan.shards[0], threads=1))


def test_names_are_taken_literally(clips: Clips, tmp_path: Path):
    video = tmp_path / "a 'b' \"%05d\" $(c); [d],é:e.mp4"
    video.write_bytes(clips["plain.mp4"].read_bytes())
    assert len(decode(video, plan_of(video))) == 48


def test_a_decoder_that_is_killed_is_not_the_videos_fault(
    clips: Clips, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    suicidal = tmp_path / "ffmpeg"
    suicidal.write_text("#!/bin/sh\nkill -9 $$\n")
    suicidal.chmod(0o755)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(suicidal))
    plan = plan_of(clips["plain.mp4"])
    with pytest.raises(ToolError, match="killed"):
        list(frames(clips["plain.mp4"], plan, plan.shards[0], threads=1))
