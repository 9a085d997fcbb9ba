"""The warping error is low for what moves along, and is what a flicker adds for what does not."""

from collections.abc import Sequence
from itertools import pairwise

import av
import numpy as np
import pytest

from benchmarks.flicker import Clip, Picture, read_clip, warping_error

SIZE = (360, 480)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    """A textured picture that moves right by two pixels a frame."""
    path = tmp_path_factory.mktemp("clips") / "moving.mkv"
    generator = np.random.default_rng(0)
    coarse = generator.integers(0, 256, (25, 45, 3), np.uint8)
    wide = np.kron(coarse, np.ones((16, 16, 1), np.uint8))[: SIZE[0]]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.height, stream.width = SIZE
        stream.pix_fmt = "bgr0"
        for number in range(30):
            left = 100 - 2 * number
            pixels = np.ascontiguousarray(wide[:, left : left + SIZE[1]])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    return read_clip(path)


def flickering(frames: Sequence[Picture], by: float) -> list[Picture]:
    """Every other frame brighter."""
    return [frame + by * (number % 2) for number, frame in enumerate(frames)]


def test_frames_come_scaled_with_the_steps_between_them(clip: Clip) -> None:
    assert {frame.shape for frame in clip.frames} == {(*SIZE, 3)}
    assert len(clip.steps) == len(clip.frames) - 1
    moved = np.median([step.before[180, 240, 0] - 240 for step in clip.steps])
    assert moved == pytest.approx(-2, abs=0.1)


def test_what_moves_along_has_hardly_an_error(clip: Clip) -> None:
    raw = np.mean([np.square(b - a).mean() for a, b in pairwise(clip.frames)])
    assert warping_error(clip.frames, clip.steps) < 0.1 * raw


def test_a_flicker_is_its_square(clip: Clip) -> None:
    still = warping_error(clip.frames, clip.steps)
    flicker = warping_error(flickering(clip.frames, 0.2), clip.steps)
    assert flicker - still == pytest.approx(0.2**2, rel=0.1)


def test_what_comes_into_sight_does_not_count(clip: Clip) -> None:
    assert all(not step.seen[:, 0].any() for step in clip.steps)
    assert np.mean([step.seen.mean() for step in clip.steps]) > 0.9
