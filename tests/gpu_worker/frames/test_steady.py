"""Steadying: what flickers is evened out along the motion, and nothing else is touched."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_worker.frames.frame import Frame, Planes
from gpu_worker.frames.motion import Luma
from gpu_worker.frames.steady import steadied, watched
from gpu_worker.plan import REACH, Plan, Shard
from tests.gpu_worker.plans import even, synthetic_plan

HEIGHT, WIDTH = 96, 128
COUNT = 20


def texture(seed: int = 0, height: int = HEIGHT, width: int = 2 * WIDTH) -> Luma:
    noise = np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8)
    return cv2.normalize(cv2.GaussianBlur(noise, (9, 9), 0), None, 30, 220, cv2.NORM_MINMAX)


def planes_of(luma: Luma, u: int = 128, v: int = 128) -> Planes:
    planes = np.empty((HEIGHT * 3 // 2, WIDTH), np.uint8)
    planes[:HEIGHT] = luma
    planes[HEIGHT:] = np.repeat((u, v), HEIGHT // 4)[:, None]
    return planes


def still(count: int = COUNT) -> list[Planes]:
    return [planes_of(texture()[:, :WIDTH])] * count


def panning(count: int = COUNT) -> list[Planes]:
    """Two pixels to the left a frame."""
    wide = texture()
    return [planes_of(wide[:, 2 * at : 2 * at + WIDTH]) for at in range(count)]


def plan_of(shard_length: int = COUNT, count: int = COUNT) -> Plan:
    return synthetic_plan(even(count), shard_length=shard_length, width=WIDTH, height=HEIGHT)


def around(video: Sequence[Planes], shard: Shard) -> Iterator[Frame]:
    first, last = max(0, shard.first - REACH), min(len(video), shard.last + REACH)
    return watched(Frame(shard, index, video[index]) for index in range(first, last))


def steady(
    video: Sequence[Planes], painted: Sequence[Planes], plan: Plan | None = None, threads: int = 1
) -> list[Frame]:
    frames = (
        replace(frame, planes=painted[frame.index])
        for shard in (plan or plan_of()).shards
        for frame in around(video, shard)
    )
    return [*steadied(frames, REACH, threads)]


def flickering(video: Sequence[Planes], by: int) -> list[Planes]:
    return [planes + np.uint8(by) * (at % 2) for at, planes in enumerate(video)]


def changes(frames: Sequence[Frame]) -> float:
    """How much the mean luma changes from frame to frame, at the most."""
    means = [frame.planes[:HEIGHT].mean() for frame in frames]
    return float(np.abs(np.diff(means)).max())


def test_a_video_that_is_painted_evenly_stays_as_it_is() -> None:
    video = still()
    painted = [planes_of(texture(1)[:, :WIDTH], 90, 200)] * COUNT
    assert all(np.array_equal(frame.planes, painted[0]) for frame in steady(video, painted))


@given(half_width=st.integers(1, 40), half_height=st.integers(1, 40))
def test_so_it_does_at_every_size(half_width: int, half_height: int) -> None:
    """Planes of 8-bit 4:2:0 may have an odd number of rows of chroma."""
    shape = 3 * half_height, 2 * half_width
    planes = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    frames = steady([planes] * 3, [255 - planes] * 3, plan_of(count=3))
    assert all(np.array_equal(frame.planes, 255 - planes) for frame in frames)


def test_a_flicker_is_evened_out_in_luma_and_chroma() -> None:
    video = still()
    frames = steady(video, flickering(video, 28))
    inner = frames[REACH:-REACH]
    assert changes(inner) == pytest.approx(28 / 7, abs=0.6)
    chroma = [frame.planes[HEIGHT:].mean() for frame in inner]
    assert np.abs(np.diff(chroma)).max() == pytest.approx(28 / 7, abs=0.6)


def test_what_moves_is_as_sharp_as_it_was() -> None:
    video = panning()
    for before, after in zip(video, steady(video, video), strict=True):
        difference = before[:HEIGHT, 20:-20].astype(float) - after.planes[:HEIGHT, 20:-20]
        assert np.sqrt(np.mean(difference**2)) < 3
        blurred = np.mean([plane[:HEIGHT, 20:-20] for plane in video[:7]], axis=0)
        assert np.sqrt(np.mean((before[:HEIGHT, 20:-20] - blurred) ** 2)) > 15


def test_nothing_is_fetched_from_another_scene() -> None:
    scenes = [planes_of(np.full((HEIGHT, WIDTH), luma, np.uint8)) for luma in (60, 180)]
    painted = [planes_of(np.full((HEIGHT, WIDTH), luma, np.uint8)) for luma in (20, 220)]
    there = [0] * 10 + [1] * 10
    frames = steady([scenes[at] for at in there], [painted[at] for at in there])
    assert all(np.array_equal(f.planes, painted[at]) for f, at in zip(frames, there, strict=True))


def test_nor_from_the_same_scene_beyond_another() -> None:
    luma = [np.full((HEIGHT, WIDTH), value, np.uint8) for value in (60, 180)]
    there = [0] * 10 + [1] + [0] * 9
    painted = [planes_of(np.full((HEIGHT, WIDTH), 10 * at, np.uint8)) for at in range(COUNT)]
    frames = steady([planes_of(luma[at]) for at in there], painted)
    assert frames[9].planes[:HEIGHT].mean() == pytest.approx((60 + 70 + 80 + 90) / 4)
    assert frames[10].planes[:HEIGHT].mean() == 100


@pytest.mark.parametrize("shard_length", [1, 4, 7])
def test_it_does_not_matter_how_a_video_is_cut(shard_length: int) -> None:
    video = panning()
    painted = flickering(video, 20)
    whole = steady(video, painted)
    cut = steady(video, painted, plan_of(shard_length))
    assert [frame.index for frame in cut] == [*range(COUNT)]
    assert all(np.array_equal(a.planes, b.planes) for a, b in zip(whole, cut, strict=True))


def test_nor_in_how_many_threads() -> None:
    video = panning()
    painted = flickering(video, 20)
    frames = zip(steady(video, painted), steady(video, painted, threads=4), strict=True)
    assert all(np.array_equal(a.planes, b.planes) for a, b in frames)


def test_damage_is_told_by_the_last_of_the_shards_own() -> None:
    """Of the shard's own frames alone; those that come along are told by their own shards."""
    plan = plan_of(shard_length=8)
    frames = [replace(frame, damaged=frame.index == 9) for frame in around(still(), plan.shards[1])]
    frames[-1] = replace(frames[-1], concealed=(6, 8, 15, 16), scaled=(7, 14))
    steady_frames = [*steadied(frames, REACH, 1)]
    assert [frame.index for frame in steady_frames] == [*range(8, 16)]
    assert [frame.index for frame in steady_frames if frame.damaged] == [9]
    assert [frame.concealed for frame in steady_frames] == [()] * 7 + [(8, 15)]
    assert steady_frames[-1].scaled == (14,)


def test_frames_that_nobody_watched_are_refused() -> None:
    frame = Frame(plan_of().shards[0], 0, still()[0])
    with pytest.raises(ValueError, match="nobody has watched frame 0"):
        list(steadied([frame], REACH, 1))
