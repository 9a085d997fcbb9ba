"""The stages one after the other, the worker between them: everything of a video comes through."""

from collections.abc import Callable
from pathlib import Path

import pytest

from emulator.azurite import STYLES
from function_app.stages.preprocess import preprocess
from function_app.stages.stitch import Joined, stitch
from function_app.store import paths, storage
from function_app.store.jobs import Job, Work
from tests.end_to_end.evidence import evidence, prove_equal
from tests.function_app.clips import Clips
from tests.function_app.stages.test_stitch import read, result_of
from tests.gpu_worker import one_rank

type Upload = Callable[..., Job]

IDENTITY = "identity"


def paint(job: Job, work: Work, folder: Path) -> None:
    """Do what the job on the cluster does, as one rank in this process."""
    video, plan, out = folder / "video", folder / "plan.json", folder / "out"
    video.write_bytes(read(work.source_container, work.source_blob))
    plan.write_bytes(read(paths.JOBS, job.folder.plan))
    style = STYLES / f"{IDENTITY}.safetensors"
    one_rank.paint(plan, video, style, out)
    for file in out.iterdir():
        storage.write(paths.JOBS, job.folder.output(file.name), file.read_bytes(), "video/mp4")


def comes_through(upload: Upload, file: Path, name: str, folder: Path) -> None:
    job = upload(file, name, style=IDENTITY)
    paint(job, preprocess(job), folder)
    assert stitch(job) == Joined()
    source = evidence(file.read_bytes())
    # The clock of a transport stream begins anywhere.
    source = source.from_zero() if file.suffix == ".ts" else source
    prove_equal(source, evidence(result_of(job)))


@pytest.mark.parametrize(
    "name",
    [
        *("one_frame.mp4", "vfr.mkv", "fragmented.mp4", "rotated.mp4", "anamorphic.mp4"),
        *("offset.mkv", "full_range.mp4", "vp8.webm", "plain.avi", "plain.ts", "tracks.mkv"),
    ],
)
def test_made_video_comes_through(clips: Clips, upload: Upload, tmp_path: Path, name: str) -> None:
    stem, _, suffix = name.partition(".")  # videos of one stem have one result
    comes_through(upload, clips[name], f"painted {stem} {suffix}.{suffix}", tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        "bbb_1080p24_hevc_51.ts",
        "drv_mkv_2audio_2srt_chapters.mkv",
        "gopro_max_480p2997_fullrange.mp4",
        "mdn_flower_540p2997.mp4",
        "mdn_flower_540p_vp8.webm",
        "mdn_streamwater_360p.mp4",
        "nasa13013_2v2a2s_180p25.mp4",
        "phpffmpeg_portrait_rot90.mov",
        "sam2_juggle_720p24_noaudio.mp4",
        "streamio_awesome_480p_vfr.mov",
    ],
)
def test_real_video_comes_through(
    real_videos: Path, upload: Upload, tmp_path: Path, name: str
) -> None:
    comes_through(upload, real_videos / name, name, tmp_path)
