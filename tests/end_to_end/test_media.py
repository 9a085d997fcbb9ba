"""A video goes in and comes out: every frame at its time, and everything else of it kept.

Most kinds of videos go the same way without an emulator, in the tests of the stages.
"""

from pathlib import Path

import pytest

from tests.end_to_end.conftest import Atelier
from tests.end_to_end.evidence import evidence, prove_equal
from tests.function_app.clips import Clips


def comes_through(atelier: Atelier, content: bytes, name: str) -> None:
    job_id = atelier.upload_as_told(content, name)
    job = atelier.wait(job_id)
    assert job["status"] == "Completed", job["error"]
    assert job["duration_s"] > 0
    assert not atelier.leftovers(job_id)
    prove_equal(evidence(content), evidence(atelier.result(job_id)))


@pytest.mark.parametrize("name", ["nasa13013_2v2a2s_180p25.mp4", "phpffmpeg_portrait_rot90.mov"])
def test_real_video_comes_through(atelier: Atelier, real_videos: Path, name: str) -> None:
    comes_through(atelier, (real_videos / name).read_bytes(), name)


@pytest.mark.parametrize("name", ["rotated.mp4", "tracks.mkv"])
def test_made_video_comes_through(atelier: Atelier, clips: Clips, name: str) -> None:
    comes_through(atelier, clips[name].read_bytes(), name)
