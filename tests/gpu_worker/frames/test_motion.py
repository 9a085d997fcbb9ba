"""Motion: ways lead from a pixel to where it was, and back; no size of picture is too odd."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_worker.frames.motion import SHORT_SIDE, Luma, Watcher


def texture(height: int, width: int) -> Luma:
    noise = np.random.default_rng(0).integers(0, 256, (height, width), np.uint8)
    return cv2.GaussianBlur(noise, (9, 9), 0)


def test_the_first_frame_came_from_nowhere() -> None:
    motion = Watcher().see(texture(60, 80))
    assert motion.back is None
    assert motion.forth is None


def test_what_moved_is_found_where_it_was_and_where_it_went() -> None:
    wide, watcher = texture(120, 200), Watcher()
    watcher.see(wide[:, 20:180])
    motion = watcher.see(np.ascontiguousarray(wide[:, 17:177]))
    assert motion.back is not None
    assert motion.forth is not None
    assert np.median(motion.back, axis=(0, 1)) == pytest.approx((-3, 0), abs=0.1)
    assert np.median(motion.forth, axis=(0, 1)) == pytest.approx((3, 0), abs=0.1)


def test_large_frames_are_looked_at_small_and_small_ones_as_they_are() -> None:
    assert Watcher().see(texture(1080, 1920)).luma.shape == (SHORT_SIDE, round(SHORT_SIDE * 16 / 9))
    assert Watcher().see(texture(1000, 500)).luma.shape == (2 * SHORT_SIDE, SHORT_SIDE)
    assert Watcher().see(texture(90, 160)).luma.shape == (90, 160)


def test_what_was_seen_is_kept_though_its_memory_is_used_again() -> None:
    frame = texture(60, 80)
    motion = Watcher().see(frame)
    frame[:] = 0
    assert motion.luma.any()


@given(st.integers(1, 60), st.integers(1, 300))
def test_any_size_will_do(height: int, width: int) -> None:
    watcher = Watcher()
    watcher.see(texture(height, width))
    motion = watcher.see(texture(height, width))
    assert motion.back is not None
    assert motion.back.shape == (height, width, 2)
    assert np.isfinite(motion.back).all()
