"""Where a file's zero is, what becomes of its jumps, and of files that know no times."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest

from function_app.media.extras import Sidecar
from function_app.stages.preprocess import preprocess
from function_app.store import paths
from function_app.store.jobs import Job, Work
from gpu_worker.plan import Plan
from tests.function_app.clips import Clips, ffmpeg, times_of
from tests.function_app.stages.test_preprocess import content, plan_of, result_times

type Upload = Callable[..., Job]

TICK = Fraction(1, 90_000)


def written(file: Path, source: Path, *words: str) -> bytes:
    ffmpeg("-i", str(source), *words, "-c", "copy", str(file))
    return file.read_bytes()


def gone(upload: Upload, content: bytes, name: str) -> tuple[Job, Work, Plan]:
    job = upload(content, name)
    work = preprocess(job)
    return job, work, plan_of(job)


def heard_in(job: Job) -> list[Fraction]:
    """When the packets of the first track that was put aside are heard."""
    sidecar = Sidecar.from_json(content(paths.JOBS, job.folder.sidecar))
    return times_of(content(paths.JOBS, job.folder.extra(sidecar.tracks[0])), "audio")


@pytest.mark.parametrize("offset", [0, 10, 50_000, 95_442])
def test_a_broadcast_begins_at_zero_and_sound_stays_in_step(
    clips: Clips, upload: Upload, tmp_path: Path, offset: int
) -> None:
    """A 33-bit clock of 90 kHz begins anew after 95,443 s: the last of these within the clip."""
    late = ("-output_ts_offset", str(offset))
    stream = written(tmp_path / "late.ts", clips["plain.mp4"], *late)
    job, work, plan = gone(upload, stream, "late.ts")
    times = result_times(plan)
    assert (len(times), work.notes) == (48, ())
    heard = heard_in(job)
    assert min(times[0], heard[0]) == 0
    assert plan.result.duration == 2
    seen = times_of(clips["plain.mp4"], "video")
    given = min(seen) - times_of(clips["plain.mp4"], "audio")[0]
    assert abs(times[0] - heard[0] - given) <= 2 * TICK + Fraction(1, 1000)


@pytest.mark.parametrize(("offset", "zero"), [(9, 9), (30, 0), (50_000, 0)])
def test_a_matroska_means_its_zero_unless_that_is_a_broadcasts(
    clips: Clips, upload: Upload, tmp_path: Path, offset: int, zero: int
) -> None:
    late = ("-output_ts_offset", str(offset))
    taken = written(tmp_path / "late.mkv", clips["plain.mp4"], *late)
    job, work, plan = gone(upload, taken, "late.mkv")
    times, heard = result_times(plan), heard_in(job)
    assert (len(times), work.notes) == (48, ())
    assert abs(min(times[0], heard[0]) - zero) < Fraction(1, 20)
    seen = times_of(clips["plain.mp4"], "video")
    given = min(seen) - times_of(clips["plain.mp4"], "audio")[0]
    assert abs(times[0] - heard[0] - given) <= Fraction(2, 1000)
    assert abs(float(plan.source.first * plan.source.seconds_per_tick) - offset) < 0.1


@pytest.mark.parametrize(
    ("name", "options", "after"),
    [
        ("twice.mkv", (), 2.0),
        ("twice.mp4", (), 2.0),
        ("twice.mov", ("-movflags", "faststart"), 2.0),
        ("fragments.mp4", ("-movflags", "frag_keyframe+empty_moov"), 2.1),
    ],
)
def test_of_recordings_put_one_after_the_other_the_first_is_painted(
    clips: Clips, upload: Upload, tmp_path: Path, name: str, options: Sequence[str], after: float
) -> None:
    first = written(tmp_path / name, clips["plain.mp4"], *options)
    job, work, plan = gone(upload, first * 2, name)
    assert len(plan.result) == 48
    assert abs(heard_in(job)[-1] - 2) < Fraction(1, 10)
    assert list(work.notes) == [
        f"after {after} s another recording begins: it is left out; to have it painted, upload it "
        "as a file of its own"
    ]
    assert {shard.entry for shard in plan.shards} == {0}


@pytest.mark.parametrize("rate", ["1/3", "1", "2", "5"])
@pytest.mark.parametrize("name", ["slow.mkv", "slow.mp4", "slow.ts", "slow.flv"])
def test_frames_far_out_of_order_are_no_jump_and_no_other_recording(
    upload: Upload, tmp_path: Path, name: str, rate: str
) -> None:
    frames = ("-f", "lavfi", "-i", f"testsrc2=s=64x48:r={rate}", "-frames:v", "30")
    ffmpeg(*frames, "-c:v", "libx264", "-bf", "8", "-b_strategy", "0", str(tmp_path / name))
    _, work, plan = gone(upload, (tmp_path / name).read_bytes(), name)
    times = result_times(plan)
    assert (len(times), work.notes) == (30, ())
    between = 1 / Fraction(rate)
    assert all(abs(b - a - between) <= Fraction(1, 500) for a, b in pairwise(times))


@pytest.mark.parametrize("offset", [0, 3600])
def test_parts_of_a_file_follow_one_another_whatever_its_clock_says(
    clips: Clips, upload: Upload, tmp_path: Path, offset: int
) -> None:
    first = written(tmp_path / "a.ts", clips["plain.mp4"])
    late = ("-output_ts_offset", str(offset))
    second = written(tmp_path / "b.ts", clips["plain.mp4"], *late)
    job, work, plan = gone(upload, first + second, "joined.ts")
    times = result_times(plan)
    assert len(times) == 96
    assert all(Fraction(0) < b - a < Fraction(1, 8) for a, b in pairwise(times))
    heard = heard_in(job)
    assert all(Fraction(0) < b - a < Fraction(1, 8) for a, b in pairwise(heard))
    assert abs(times[48] - heard[len(heard) // 2]) < Fraction(1, 8)
    (note,) = work.notes
    assert note.startswith("its clock jumps: from 2.")


def test_a_picture_that_stands_still_while_the_sound_goes_on_is_no_jump(
    upload: Upload, tmp_path: Path
) -> None:
    slides = ("-f", "lavfi", "-i", "testsrc2=s=64x48:r=1:d=3,setpts=N*14/TB")
    sound = ("-f", "lavfi", "-i", "sine=sample_rate=8000:d=42")
    coding = ("-c:v", "libx264", "-bf", "0", "-fps_mode", "passthrough", "-c:a", "aac")
    ffmpeg(*slides, *sound, *coding, str(tmp_path / "slides.ts"))
    _, work, plan = gone(upload, (tmp_path / "slides.ts").read_bytes(), "slides.ts")
    assert work.notes == ()
    assert [round(b - a) for a, b in pairwise(result_times(plan))] == [14, 14]
    # What the worker reads is a copy, for which FFmpeg has to have seen a picture at the opening.
    assert work.source_container == paths.JOBS


def test_a_sound_that_is_nowhere_near_is_none(clips: Clips, upload: Upload, tmp_path: Path) -> None:
    """A track that was declared, of which one packet has a clock of its own."""
    written(sound := tmp_path / "sound.m4a", clips["plain.mp4"], "-vn", "-t", "0.02")
    far = ("-itsoffset", "5000", "-i", str(sound), "-map", "0", "-map", "1:a")
    both = written(tmp_path / "both.ts", clips["plain.mp4"], *far)
    job, work, plan = gone(upload, both, "both.ts")
    assert work.notes == ("the aac sound of track 2 is declared but empty: left out",)
    assert plan.result.duration == 2
    assert max(heard_in(job)) < 3


def test_a_stream_that_starts_within_a_picture_is_painted_from_the_first_that_decodes(
    clips: Clips, upload: Upload, tmp_path: Path
) -> None:
    stream = written(tmp_path / "whole.ts", clips["plain.mp4"])
    (whole := tmp_path / "whole.ts").write_bytes(stream)
    cut = written(tmp_path / "cut.ts", whole, "-bsf:v", r"noise=drop='lt(n\,5)'")
    _, work, plan = gone(upload, cut, "cut.ts")
    assert plan.frame_count == 36
    assert "for they refer to what came before the file: 7" in work.notes[0]


@pytest.mark.parametrize("name", ["b_frames.avi", "b_frames.h264", "b_frames.m4v"])
def test_what_knows_no_times_is_shown_in_order_at_its_rate(
    clips: Clips, upload: Upload, tmp_path: Path, name: str
) -> None:
    file = tmp_path / name
    codec = ["mpeg4", "-bf", "2"] if name.endswith("m4v") else ["libx264", "-bf", "2"]
    source = clips["plain.mp4"] if name.endswith("m4v") else clips["one_keyframe.mp4"]
    ffmpeg("-i", str(source), "-an", "-r", "25", "-c:v", *codec, str(file))
    _, _, plan = gone(upload, file.read_bytes(), name)
    times = result_times(plan)
    assert plan.frame_count >= 48
    assert all(abs(b - a - Fraction(1, 25)) < TICK for a, b in pairwise(times))
    assert times[0] == 0


def test_an_elementary_stream_that_begins_in_mid_gop_begins_at_zero(
    clips: Clips, upload: Upload, tmp_path: Path
) -> None:
    """What does not decode takes no time, for none is told."""
    whole, rest = tmp_path / "whole.h264", tmp_path / "rest.h264"
    ffmpeg("-i", str(clips["plain.mp4"]), "-c:v", "copy", "-an", str(whole))
    ffmpeg("-i", str(whole), "-c", "copy", "-bsf:v", r"noise=drop='lt(n\,6)'", str(rest))
    _, _, plan = gone(upload, rest.read_bytes(), "rest.h264")
    times = result_times(plan)
    assert len(times) == 36
    assert times[0] == 0
    assert len({b - a for a, b in pairwise(times)}) == 1


def test_what_an_edit_list_shows_is_painted(clips: Clips, upload: Upload) -> None:
    source = bytearray(clips["one_keyframe.mp4"].read_bytes())
    header, edit = source.index(b"mvhd"), source.index(b"elst")
    scale = int.from_bytes(source[header + 16 : header + 20])
    media = source.index(b"mdhd")
    ticks = int.from_bytes(source[media + 16 : media + 20])
    begin = int.from_bytes(source[edit + 16 : edit + 20])
    source[edit + 12 : edit + 16] = (scale // 2).to_bytes(4)
    source[edit + 16 : edit + 20] = (begin + ticks).to_bytes(4)
    _, work, plan = gone(upload, bytes(source), "trimmed.mov")
    assert (plan.frame_count, work.notes) == (12, ())
    assert result_times(plan)[0] == 0
