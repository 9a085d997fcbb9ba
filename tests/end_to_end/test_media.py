"""A video goes in and comes out: every frame at its time, and everything else of it kept."""

from pathlib import Path

import pytest

from tests.end_to_end.conftest import Atelier
from tests.end_to_end.evidence import Evidence, evidence, psnr
from tests.function_app.clips import Clips

REAL = (
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
)
LEAST_PSNR = 38
UNSPECIFIED = 2


def restyled(atelier: Atelier, content: bytes, name: str) -> tuple[Evidence, Evidence]:
    job_id = atelier.upload_as_told(content, name)
    job = atelier.wait(job_id)
    assert job["status"] == "Completed", job["error"]
    assert job["duration_s"] > 0
    assert not atelier.leftovers(job_id)
    source, result = evidence(content), evidence(atelier.result(job_id))
    # The clock of a transport stream begins anywhere.
    return source.from_zero() if name.endswith(".ts") else source, result


def prove_equal(source: Evidence, result: Evidence) -> None:
    tick = float(max(source.tick, result.tick))
    assert len(result.times) == len(source.times)
    assert max(abs(a - b) for a, b in zip(source.times, result.times, strict=True)) <= tick
    assert result.shape == source.shape
    for of_source, of_result in zip(source.colour, result.colour, strict=True):
        assert of_result == of_source or (of_source == UNSPECIFIED and of_result != UNSPECIFIED)
    for kind in ("audio", "subtitles"):
        before, after = getattr(source, kind), getattr(result, kind)
        assert [track.language for track in after] == [track.language for track in before]
        assert [track.packets for track in after] == [track.packets for track in before]
        for old, new in zip(before, after, strict=True):
            assert new.times == pytest.approx(old.times, abs=0.001)
    assert result.chapters == source.chapters
    assert psnr(source.luma, result.luma) >= LEAST_PSNR


@pytest.mark.parametrize("name", REAL)
def test_real_video_comes_through(atelier: Atelier, real_videos: Path, name: str) -> None:
    prove_equal(*restyled(atelier, (real_videos / name).read_bytes(), name))


@pytest.mark.parametrize(
    "name",
    [
        *("one_frame.mp4", "vfr.mkv", "fragmented.mp4", "rotated.mp4", "anamorphic.mp4"),
        *("offset.mkv", "full_range.mp4", "vp8.webm", "plain.avi", "plain.ts", "tracks.mkv"),
    ],
)
def test_made_video_comes_through(atelier: Atelier, clips: Clips, name: str) -> None:
    stem, _, suffix = name.partition(".")  # videos of one stem have one result
    prove_equal(*restyled(atelier, clips[name].read_bytes(), f"{stem} {suffix}.{suffix}"))
