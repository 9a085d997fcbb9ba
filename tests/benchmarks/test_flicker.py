"""The warping error is low for what moves along, and is what a flicker adds for what does not."""

from collections.abc import Sequence
from itertools import pairwise

import av
import numpy as np
import pytest

from benchmarks.flicker import Clip, Picture, read_clip, steadied, warping_error
from gpu_worker.plan import REACH

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
        for number in range(40):
            left = 120 - 2 * number
            pixels = np.ascontiguousarray(wide[:, left : left + SIZE[1]])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    return read_clip(path)


def flickering(frames: Sequence[Picture], by: float) -> list[Picture]:
    """Every other frame brighter."""
    return [frame + by * (number % 2) for number, frame in enumerate(frames)]


def measured[Item](frames: Sequence[Item]) -> Sequence[Item]:
    return frames[REACH:-REACH]


def test_frames_come_scaled_with_the_steps_between_them(clip: Clip) -> None:
    assert {frame.shape for frame in clip.frames} == {(*SIZE, 3)}
    assert len(clip.steps) == len(measured(clip.frames)) - 1
    moved = np.median([step.before[180, 240, 0] - 240 for step in clip.steps])
    assert moved == pytest.approx(-2, abs=0.1)


def test_what_moves_along_has_hardly_an_error(clip: Clip) -> None:
    frames = measured(clip.frames)
    raw = np.mean([np.square(b - a).mean() for a, b in pairwise(frames)])
    assert warping_error(frames, clip.steps) < 0.1 * raw


def test_a_flicker_is_its_square(clip: Clip) -> None:
    still = warping_error(measured(clip.frames), clip.steps)
    flicker = warping_error(measured(flickering(clip.frames, 0.2)), clip.steps)
    assert flicker - still == pytest.approx(0.2**2, rel=0.1)


def test_a_flicker_is_a_seventh_once_it_is_steadied(clip: Clip) -> None:
    """Of seven frames in a row four are brighter, then three: the mean changes by a seventh."""
    frames = flickering(clip.frames, 0.2)
    still = warping_error(steadied(clip.frames, clip.frames), clip.steps)
    steady = warping_error(steadied(frames, clip.frames), clip.steps)
    assert steady - still == pytest.approx((0.2 / 7) ** 2, rel=0.3)


def test_what_comes_into_sight_does_not_count(clip: Clip) -> None:
    assert all(not step.seen[:, 0].any() for step in clip.steps)
    assert np.mean([step.seen.mean() for step in clip.steps]) > 0.9
