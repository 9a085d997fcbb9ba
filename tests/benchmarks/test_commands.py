"""Every benchmark is a command that says what it does, and keeps what it has measured."""

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps
from safetensors.torch import load_file

from benchmarks.__main__ import BENCHMARKS as BY_THEMSELVES
from benchmarks.flood import RUSHES
from benchmarks.twin import STYLES, TWINS
from gpu_worker.styles.model import load_style
from tests.benchmarks.commands import BENCHMARKS, kept, run

COMMANDS = sorted(
    file.stem
    for file in BENCHMARKS.glob("*.py")
    if file.stem != "__main__" and 'if __name__ == "__main__"' in file.read_text()
)


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What can be a painting, and what can be practised on: blots of colour."""
    path = tmp_path_factory.mktemp("pictures") / "blots.png"
    blots = np.random.default_rng(0).integers(0, 256, (12, 16, 3), np.uint8)
    Image.fromarray(np.kron(blots, np.ones((12, 12, 1), np.uint8))).save(path)
    return path


@pytest.mark.parametrize("name", COMMANDS)
def test_it_says_what_it_does(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [name, "--help"])
    monkeypatch.delitem(sys.modules, f"benchmarks.{name}", raising=False)
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(f"benchmarks.{name}", run_name="__main__")
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert said.startswith(f"usage: python -m benchmarks.{name} ")
    assert f"\n    python -m benchmarks.{name}" in said


@pytest.mark.parametrize(
    "words",
    [
        ("end_to_end", "--rounds", "0"),
        ("job", "--runs", "-1"),
        ("package", "--runs", "0"),
        ("flood", "load", "--uploads", "0"),
    ],
)
def test_what_is_measured_not_even_once_is_refused(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [*words])
    monkeypatch.delitem(sys.modules, f"benchmarks.{words[0]}", raising=False)
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(f"benchmarks.{words[0]}", run_name="__main__")
    assert ended.value.code == 2
    assert "is no number of times: at least 1" in capsys.readouterr().err


def test_those_that_run_by_themselves_are_there() -> None:
    assert set(BY_THEMSELVES) <= set(COMMANDS)


def test_every_result_is_that_of_a_command() -> None:
    names = {file.stem for file in (BENCHMARKS / "results").glob("*.json")}
    assert names <= {*COMMANDS, *RUSHES, "chaos", "fuzz"}


def test_polls(tmp_path: Path) -> None:
    run("polls", "--results", tmp_path)
    result = kept(tmp_path, "polls")
    for row in result["rows"]:
        assert row["shortest_pause_s"] >= 1
        assert row["looks"] <= 12 + row["painting_s"]
    assert all(most < 2 for most in result["most looks in a second"].values())


def test_records(tmp_path: Path) -> None:
    run("records", "--seconds", "0.2", "--idle", "2", "--results", tmp_path)
    result = kept(tmp_path, "records")
    assert len(result["lines"]) == result["records_of_the_job"] <= 40
    assert all(line.startswith("[{id}] ") for line in result["lines"])
    assert {logger.partition(".")[0] for logger in result["by_logger"]} == {"function_app"}
    assert (result["records_beside_it"], result["records_idle"]) == (0, 0)


def test_presets(tmp_path: Path) -> None:
    run("presets", "--seconds", "0.2", "--results", tmp_path)
    rows = {row["preset"]: row for row in kept(tmp_path, "presets")["rows"]}
    assert all(0.9 < row["ssim"] < 1 for row in rows.values())
    assert rows["medium"]["kilobits_per_frame"] < rows["ultrafast"]["kilobits_per_frame"]


def test_end_to_end(tmp_path: Path) -> None:
    toy = ("--size", "64x48", "--seconds", "0.2", "--style-seconds", "0.2", "--rounds", "2")
    run("end_to_end", *toy, "--results", tmp_path)
    result = kept(tmp_path, "end_to_end")
    ratios = result["times_of_all_rounds"]
    assert len(ratios) == 2
    assert result["times_the_baseline"] == max(ratios) == ratios[-1]


def test_join(tmp_path: Path) -> None:
    run("join", "--minutes", "1", "--results", tmp_path)
    result = kept(tmp_path, "join")
    assert (result["frames"], result["shards"]) == (1800, 15)


def test_listing(tmp_path: Path) -> None:
    run("listing", "--jobs", "20", "--rounds", "3", "--results", tmp_path)
    hubs = kept(tmp_path, "listing")["milliseconds"]
    assert hubs.keys() == {
        f"{count} jobs, {how}" for count in (100, 20) for how in ("ended", "at work")
    }
    assert all(time > 0 for pages in hubs.values() for time in pages.values())


def test_package(tmp_path: Path) -> None:
    run("package", "--runs", "1", "--results", tmp_path)
    result = kept(tmp_path, "package")
    assert 0 < result["own_files_mib"] < 1
    assert result["import"]["median_s"] > result["import"]["bare_python_s"] > 0


def test_scale(tmp_path: Path) -> None:
    """All chance is seeded: what is kept and drawn follows from what the others have kept."""
    run("scale", "--plot", tmp_path / "scale.svg", "--results", tmp_path)
    assert kept(tmp_path, "scale") == kept(BENCHMARKS / "results", "scale")
    documents = BENCHMARKS.parent / "docs" / "pictures"
    assert (tmp_path / "scale.svg").read_text() == (documents / "scale.svg").read_text()


def test_mix(tmp_path: Path) -> None:
    run("mix", "--jobs", "100", "--results", tmp_path)
    result = kept(tmp_path, "mix")
    assert {**result["scene"], "jobs": 10_000} == kept(BENCHMARKS / "results", "mix")["scene"]
    assert len(result["outcomes"]) == 9


def test_picture(tmp_path: Path, picture: Path) -> None:
    painting = load_style(STYLES / "scream.safetensors").metadata["painting"]
    ImageOps.invert(Image.open(picture)).save(tmp_path / painting)
    given = ("--paintings", tmp_path, picture, "--styles", "scream", "--short-sides", "64")
    run("picture", *given, "--optimum", "1", "9", "--results", tmp_path)
    style, one, nine = kept(tmp_path, "picture")["rows"]
    assert [row["by"] for row in (style, one, nine)] == ["style", "1 steps", "9 steps"]
    assert 0 < one["closed"] < nine["closed"] < 1
    assert one["legible"] > nine["legible"] > 0.5
    look = style["frames"][picture.name]
    assert look["closed"] == pytest.approx(1 - sum(look["layers"]) / sum(look["frame_layers"]))


def test_twin(tmp_path: Path, picture: Path) -> None:
    given = ("--painting", picture, "--content", picture.parent)
    run("twin", "starry_night", *given, "--steps", "2", "--twins", tmp_path)
    made, shipped = (load_file(folder / "starry_night.safetensors") for folder in (tmp_path, TWINS))
    assert {key: weight.shape for key, weight in made.items()} == {
        key: weight.shape for key, weight in shipped.items()
    }
