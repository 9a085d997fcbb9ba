from pathlib import Path

import av
import pytest

from tools import clip
from tools.frames import frames_at, middle_frame


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("video") / "clip.mp4"
    clip.make(file)
    return file


def shown(video: Path, number: int) -> bytes:
    with av.open(str(video)) as container:
        return list(container.decode(container.streams.video[0]))[number].to_image().tobytes()


def test_the_frame_in_the_middle_is_taken(video: Path) -> None:
    assert middle_frame(video).tobytes() == shown(video, 50)


def test_frames_are_those_that_a_player_shows(video: Path) -> None:
    """Of 25 a second: the one before or at each time, and the last after the end."""
    times = {0.0: 0, 0.039: 0, 0.05: 1, 1.0: 25, 1.001: 25, 9.0: clip.SECONDS * clip.RATE - 1}
    frames = [frame.tobytes() for frame in frames_at(video, list(times))]
    assert frames == [shown(video, number) for number in times.values()]
