"""A style is learnt from a painting and photos alone, and says how."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Generator, Tensor

from gpu_worker.learn import main
from gpu_worker.learning.learner import Budget, Learnt, Recipe, learn
from gpu_worker.learning.pictures import read_painting, read_picture
from gpu_worker.model import load_style
from gpu_worker.networks import Architecture

TINY = Architecture("StyleNet", width=8, blocks=1)
RECIPE = Recipe(steps=24, minutes=0, size=72, batch=2, painting_side=96, feature_steps=2)


def save_picture(path: Path, seed: int, size: tuple[int, int] = (120, 100)) -> Path:
    """Blobs of saturated colours, different for every seed."""
    cells = torch.rand(6, 8, 3, generator=Generator().manual_seed(seed)).round() * 255
    image = Image.frombytes("RGB", (8, 6), bytes(cells.byte().flatten().tolist()))
    image.resize(size, Image.Resampling.BICUBIC).save(path)
    return path


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "photos").mkdir()
    save_picture(folder / "painting.png", seed=1)
    for seed in (2, 3, 4):
        save_picture(folder / "photos" / f"{seed}.png", seed)
    return folder


def learn_tiny(pictures: Path, recipe: Recipe) -> Learnt:
    painting = read_painting(pictures / "painting.png", recipe.painting_side)
    photos = [read_picture(path, 96) for path in sorted((pictures / "photos").iterdir())]
    return learn(TINY, recipe, painting, photos, torch.device("cpu"))


def mean_total(losses: Sequence[dict[str, float]]) -> float:
    return sum(step["total"] for step in losses) / len(losses)


def painted(learnt: Learnt) -> Tensor:
    with torch.inference_mode():
        return learnt.network(torch.full((1, 3, 32, 32), 0.5))


def test_learning_lowers_the_loss(pictures: Path) -> None:
    losses = list(learn_tiny(pictures, RECIPE).losses)
    assert len(losses) == RECIPE.steps
    assert mean_total(losses[-5:]) < 0.9 * mean_total(losses[:5])


def test_learning_repeats_by_seed(pictures: Path) -> None:
    first, again, other = (
        learn_tiny(pictures, replace(RECIPE, steps=2, seed=seed)) for seed in (0, 0, 1)
    )
    # Threads may sum in another order each time, so equal to rounding and no closer.
    assert mean_total(again.losses) == pytest.approx(mean_total(first.losses), rel=1e-3)
    assert torch.allclose(painted(again), painted(first), atol=5e-3)
    assert not torch.allclose(painted(other), painted(first), atol=5e-2)


def command(pictures: Path, out: Path, *more: str) -> list[str]:
    sizes = ["--size", "72", "--width", "8", "--blocks", "1"]
    inputs = ["--painting", str(pictures / "painting.png"), "--content", str(pictures / "photos")]
    return [*inputs, "--out", str(out), *sizes, *more]


def test_the_command_writes_a_style_that_tells_its_story(pictures: Path, tmp_path: Path) -> None:
    out, sheet = tmp_path / "tiny.safetensors", tmp_path / "sheet.png"
    options = ["--steps", "2", "--seed", "7", "--feature-steps", "2", "--preview", str(sheet)]
    assert main(command(pictures, out, *options)) == 0
    metadata = load_style(out).metadata
    recipe = json.loads(metadata["recipe"])
    assert metadata["painting"] == "painting.png"
    assert metadata["licence"] == "Public domain"
    assert metadata["steps"] == "2"
    assert json.loads(metadata["architecture"]) == {"name": "StyleNet", "width": 8, "blocks": 1}
    assert recipe["seed"] == 7
    assert {"brushwork", "patches", "stability", "total"} <= json.loads(metadata["losses"]).keys()
    assert float(metadata["minutes"]) >= 0
    assert read_picture(sheet, 2000).shape[2] > 1000


def test_a_time_budget_ends_the_learning(pictures: Path) -> None:
    learnt = learn_tiny(pictures, replace(RECIPE, steps=0, minutes=0.02))
    assert learnt.minutes >= 0.02


def test_a_budget_is_spent_by_whichever_comes_first() -> None:
    assert Budget(steps=10, minutes=0).spent(5) == 0.5
    assert Budget(steps=10, minutes=1000).spent(12) == 1
    assert Budget(steps=0, minutes=1e-9).spent(0) == 1
    assert Budget(steps=10, minutes=1e-9).spent(0) == 1


@pytest.mark.parametrize("content", [None, b"", b"a poem", b"\x00\x00\x00\x18ftypmp42"])
def test_the_command_refuses_what_is_no_painting_in_one_sentence(
    pictures: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes | None
) -> None:
    painting, out = tmp_path / "poem.jpg", tmp_path / "out.safetensors"
    if content is not None:
        painting.write_bytes(content)
    assert main([*command(pictures, out, "--steps", "1"), "--painting", str(painting)]) == 1
    assert [record.getMessage().count("poem.jpg") for record in caplog.records] == [1]
    assert not out.exists()


@pytest.mark.parametrize(
    "option",
    [
        ("--size", "40"),
        ("--steps", "0"),
        ("--minutes", "nan"),
        ("--seed", "-1"),
        ("--width", "x"),
        ("--width", "999"),
    ],
)
def test_an_option_out_of_range_is_named(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: tuple[str, str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([*command(pictures, tmp_path / "o.safetensors"), *option])
    assert f"argument {option[0]}: '{option[1]}' is not" in capsys.readouterr().err
