"""Describing: a line for each frame, the same however the video is cut, by real MPI."""

import json
import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from gpu_worker.frames.frame import Frame
from gpu_worker.plan import FAILURE_NAME, LINES_SUFFIX, SEAL_BYTES, Failure, Plan, seal
from gpu_worker.ranks.describe import describe
from gpu_worker.scorers import load_scorer
from gpu_worker.scorers.motion import Motion
from gpu_worker.styles.model import StyleError
from tests.function_app.clips import FRAMES, Clips, ffmpeg
from tests.gpu_worker import one_rank
from tests.gpu_worker.mpi import ROOT, environment, mpiexec, run
from tests.gpu_worker.plans import even, plan_of, synthetic_plan

MODULE = ("-m", "gpu_worker.score")
CPU = torch.device("cpu")


def lines_plan(video: Path, length: int) -> Plan:
    plan = plan_of(video, length)
    return replace(plan, shards=tuple(replace(each, suffix=LINES_SUFFIX) for each in plan.shards))


def style(folder: Path, scorer: str) -> Path:
    file = folder / f"{scorer}.safetensors"
    save_file({}, file, {"format_version": "1", "scorer": scorer})
    return file


def words(folder: Path, plan: Plan, video: Path, scorer: str) -> list[str | Path]:
    (folder / "plan.json").write_text(plan.to_json())
    files = ("--plan", folder / "plan.json", "--video", video, "--style", style(folder, scorer))
    return [*MODULE, *files, "--out", folder / "out"]


def lines_of(folder: Path, plan: Plan) -> list[dict[str, Any]]:
    """Read the lines of all shards, and prove their seals."""
    found: list[dict[str, Any]] = []
    for shard in plan.shards:
        content = (folder / "out" / shard.name).read_bytes()
        assert content[-SEAL_BYTES:] == seal(plan, shard, [content[:-SEAL_BYTES]])
        found += [json.loads(line) for line in content[:-SEAL_BYTES].splitlines()]
    return found


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two scenes of 20 frames each: one that stands still, one that moves."""
    file = tmp_path_factory.mktemp("film") / "film.mp4"
    scenes = "color=gray:s=64x48:r=20:d=1[a];testsrc2=s=64x48:r=20:d=1[b];[a][b]concat"
    ffmpeg("-filter_complex", scenes, "-pix_fmt", "yuv420p", "-crf", "1", str(file))
    return file


def described(folder: Path, film: Path, length: int) -> list[dict[str, Any]]:
    """The film's lines, written by one rank in this process."""
    folder.mkdir()
    plan = lines_plan(film, length)
    (folder / "plan.json").write_text(plan.to_json())
    one_rank.paint(folder / "plan.json", film, style(folder, "motion"), folder / "out")
    return lines_of(folder, plan)


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory, film: Path) -> Path:
    """The folder of a job that described the film in one shard."""
    folder = tmp_path_factory.mktemp("jobs") / "whole"
    described(folder, film, 40)
    return folder


def test_each_frame_is_described_alike_however_the_film_is_cut(
    tmp_path: Path, film: Path, job: Path
) -> None:
    whole = lines_of(job, lines_plan(film, 40))
    assert [line["frame"] for line in whole] == list(range(40))
    assert [line["time"] for line in whole] == pytest.approx([frame / 20 for frame in range(40)])
    cut = lines_plan(film, 7)
    result = run(3, *words(tmp_path, cut, film, "motion"))
    assert result.returncode == 0, result.stderr
    assert lines_of(tmp_path, cut) == whole
    assert [line["frame"] for line in whole if line["cut"]] == [20]
    still, moving = whole[:20], whole[21:]
    assert fmean(line["motion"] for line in moving) > 10 * fmean(line["motion"] for line in still)
    assert whole[0]["contrast"] < 0.01 < whole[30]["contrast"]


def test_progress_and_a_preview_are_there_as_for_a_painting(job: Path) -> None:
    names = {file.name for file in (job / "out").iterdir()}
    assert names == {"00000.jsonl", "preview.jpg", "progress-000.json"}
    progress = json.loads((job / "out" / "progress-000.json").read_bytes())
    assert progress["frames"] == 40


def test_shards_that_are_there_are_left_alone(tmp_path: Path, film: Path) -> None:
    first = described(tmp_path / "job", film, 7)
    folder, plan = tmp_path / "job", lines_plan(film, 7)
    kept = folder / "out" / plan.shards[1].name
    before = kept.stat().st_mtime_ns
    (folder / "out" / plan.shards[3].name).unlink()
    assert run(2, *words(folder, plan, film, "motion")).returncode == 0
    assert kept.stat().st_mtime_ns == before
    assert lines_of(folder, plan) == first


def test_a_scorer_that_is_not_there_is_the_inputs_fault(tmp_path: Path, clips: Clips) -> None:
    video = clips["plain.mp4"]
    result = run(1, *words(tmp_path, lines_plan(video, FRAMES), video, "missing"))
    assert result.returncode != 0
    failure = Failure.from_json((tmp_path / "out" / FAILURE_NAME).read_bytes())
    assert (failure.fault, failure.code) == ("input", "unusable-style")
    assert "needs the scorer 'missing'; there are motion." in failure.message


@pytest.mark.parametrize("scorer", ["os", "..motion", "missing"])
def test_only_what_lies_beside_the_scorers_is_one(tmp_path: Path, scorer: str) -> None:
    with pytest.raises(StyleError, match=f"needs the scorer '{re.escape(scorer)}'"):
        load_scorer(style(tmp_path, scorer), CPU)


def test_a_style_that_paints_is_no_scorer(tmp_path: Path) -> None:
    file = tmp_path / "paints.safetensors"
    save_file({}, file, {"format_version": "1"})
    with pytest.raises(StyleError, match="needs the scorer ''"):
        load_scorer(file, CPU)


def test_motion_is_a_difference_to_the_frame_before() -> None:
    frames = torch.zeros(5, 3, 16, 16)
    frames[3] = 0.5
    lines = Motion()(frames)
    assert [line["motion"] for line in lines] == pytest.approx([0, 0.5, 0.5])
    assert [line["cut"] for line in lines] == [False, True, False]
    assert [line["luma"] for line in lines] == pytest.approx([0, 0.5, 0])


def test_the_scorer_of_the_docs_works_as_it_stands_there(tmp_path: Path) -> None:
    docs = (ROOT / "docs" / "scorers.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", docs, re.DOTALL)
    (code,) = [block for block in blocks if "class Brightest" in block]
    assert len(code.splitlines()) <= 25
    program = tmp_path / "program"
    shutil.copytree(ROOT / "gpu_worker", program / "gpu_worker")
    (program / "gpu_worker" / "scorers" / "brightest.py").write_text(code)
    video = tmp_path / "spot.mp4"
    spot = "color=black:s=64x48:r=10:d=1,drawbox=32:16:16:16:white:fill"
    ffmpeg("-f", "lavfi", "-i", spot, "-pix_fmt", "yuv420p", str(video))
    plan = lines_plan(video, 4)
    command = mpiexec(2, *words(tmp_path, plan, video, "brightest"))
    env = environment() | {"PYTHONPATH": os.fspath(program)}
    result = subprocess.run(
        command, env=env, cwd=program, capture_output=True, text=True, timeout=120, check=False
    )
    assert result.returncode == 0, result.stderr
    lines = lines_of(tmp_path, plan)
    assert [(line["frame"], line["x"], line["y"]) for line in lines] == [
        (frame, 32, 16) for frame in range(10)
    ]


def test_the_style_of_the_docs_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    docs = (ROOT / "docs" / "scorers.md").read_text()
    code = re.findall(r"```python\n(.*?)```", docs, re.DOTALL)[0]
    monkeypatch.chdir(tmp_path)
    exec(code)
    assert isinstance(load_scorer(tmp_path / "motion.safetensors", CPU), Motion)


def test_frames_before_the_film_are_its_first() -> None:
    seen: list[Tensor] = []

    class Remembers:
        before = 2

        def __call__(self, rgb: Tensor) -> list[dict[str, Any]]:
            seen.append(rgb)
            return [{}] * (len(rgb) - 2)

    plan = synthetic_plan(even(1))
    frame = Frame(plan.shards[0], 0, np.full((72, 64), 99, np.uint8))
    (each,) = describe([frame], Remembers(), plan, CPU)
    assert each.frame is frame
    assert torch.equal(seen[0][0], seen[0][2])
