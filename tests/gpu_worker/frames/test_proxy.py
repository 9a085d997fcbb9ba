"""The copy for browsers: every frame as it was, small; only where the plan wants it."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_worker.files import is_sealed
from gpu_worker.frames.proxy import LONGEST_SIDE, size_of, write_proxy
from gpu_worker.plan import Plan
from gpu_worker.styles.model import Architecture, build, save_style
from tests.function_app.clips import Clips, frames_of
from tests.gpu_worker.frames.test_encode import moving
from tests.gpu_worker.mpi import run
from tests.gpu_worker.plans import even, plan_of, synthetic_plan

SIDES = st.integers(1, 8192).map(lambda half: 2 * half)


@given(SIDES, SIDES)
def test_a_copy_is_even_small_and_of_its_shape(width: int, height: int):
    small = size_of(width, height)
    assert all(side >= 2 and side % 2 == 0 for side in small)
    assert max(small) <= max(LONGEST_SIDE, 2)
    if max(width, height) <= LONGEST_SIDE:
        assert small == (width, height)
    else:
        assert abs(small[0] * height - small[1] * width) <= 2 * max(width, height)


def test_frames_pass_and_lie_small_beside_the_shards(tmp_path: Path):
    plan = synthetic_plan(even(20), shard_length=20, width=1280, height=720)
    (shard,) = plan.shards
    passed = list(write_proxy(moving(plan), plan, shard, tmp_path))
    assert [frame.index for frame in passed] == list(range(20))
    with av.open(file := tmp_path / shard.proxy_name) as container:
        frames = list(container.decode(video=0))
    assert [(frame.width, frame.height) for frame in frames] == [(960, 540)] * 20
    assert [frame.pts * frame.time_base for frame in frames] == [Fraction(i, 24) for i in range(20)]
    middle = frames[10].to_ndarray(format="yuv420p")[:540].astype(int)
    assert abs(np.mean(middle) - np.mean(passed[10].planes[:720])) < 2
    assert is_sealed(file, plan, shard)


def test_a_run_leaves_copies_where_the_plan_wants_them(clips: Clips, tmp_path: Path):
    plan = replace(plan_of(clips["plain.mp4"]), needs_proxy=True)
    paint(plan, clips["plain.mp4"], tmp_path)
    assert all((tmp_path / "out" / shard.name).exists() for shard in plan.shards)
    copies = [tmp_path / "out" / shard.proxy_name for shard in plan.shards]
    copied = [frame.grey for file in copies for frame in frames_of(file)]
    frames = [frame.grey for frame in frames_of(clips["plain.mp4"])]
    assert copied == pytest.approx(frames, abs=3)


def paint(plan: Plan, video: Path, folder: Path) -> None:
    (folder / "plan.json").write_text(plan.to_json())
    save_style(folder / "style.safetensors", build(Architecture("Identity")), {})
    files = ("--plan", folder / "plan.json", "--style", folder / "style.safetensors")
    words = ("-m", "gpu_worker.score", *files, "--video", video, "--out", folder / "out")
    result = run(1, *words)
    assert result.returncode == 0, result.stderr
