"""A style file gives back what was kept in it; any other file is refused in a sentence."""

import json
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from gpu_worker.networks import winograd
from gpu_worker.networks.architectures import (
    Architecture,
    Identity,
    TransformerNet,
    flop_per_pixel,
)
from gpu_worker.styles.model import StyleError, load_style, save_style
from tests.gpu_worker.small import SMALL, SMALL_TRANSFORMER, paint, seeded

METADATA = {"painting": "a.jpg", "licence": "Public domain", "recipe": "{}"}
SHIPPED = sorted((Path(__file__).parents[3] / "styles").glob("*.safetensors"))


@pytest.fixture
def style_file(tmp_path: Path) -> Path:
    path = tmp_path / "style.safetensors"
    save_style(path, seeded(SMALL), METADATA)
    return path


@pytest.mark.parametrize("architecture", [SMALL, SMALL_TRANSFORMER, Architecture("Identity")])
def test_a_style_is_kept_whole(architecture: Architecture, tmp_path: Path) -> None:
    network, frame = seeded(architecture), torch.rand(1, 3, 24, 28)
    save_style(tmp_path / "s.safetensors", network, METADATA)
    style = load_style(tmp_path / "s.safetensors")
    torch.testing.assert_close(paint(style.network, frame), paint(network, frame))
    assert style.network.architecture == architecture
    assert METADATA.items() <= style.metadata.items()
    assert float(style.metadata["flop_per_pixel"]) == pytest.approx(
        flop_per_pixel(network.to("meta")), abs=0.1
    )
    assert [file.name for file in tmp_path.iterdir()] == ["s.safetensors"]


@pytest.mark.parametrize("fewer", [True, False])
def test_what_a_style_costs_does_not_depend_on_who_saved_it(
    fewer: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = seeded(SMALL_TRANSFORMER)
    every_product = flop_per_pixel(seeded(SMALL_TRANSFORMER).to("meta"))
    monkeypatch.setattr(winograd, "pays", lambda device: fewer and device.type == "cpu")
    assert (flop_per_pixel(network) < every_product) is fewer
    save_style(tmp_path / "s.safetensors", network, METADATA)
    cost = load_style(tmp_path / "s.safetensors").metadata["flop_per_pixel"]
    assert float(cost) == pytest.approx(every_product, abs=0.1)


@pytest.mark.parametrize("path", SHIPPED, ids=[path.stem for path in SHIPPED])
def test_a_shipped_style_paints_and_says_where_it_comes_from(path: Path) -> None:
    style = load_style(path)
    assert paint(style.network, torch.rand(1, 3, 36, 64)).shape == (1, 3, 36, 64)
    assert style.metadata["licence"]
    assert json.loads(style.metadata["recipe"]) or isinstance(style.network, Identity)
    assert path.stat().st_size < 8_000_000


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StyleError, match=r"There is no style file lost\.safetensors"):
        load_style(tmp_path / "lost.safetensors")


@pytest.mark.parametrize("kept", [0, 5, 200, -1])
def test_a_truncated_file_is_refused(style_file: Path, kept: int) -> None:
    style_file.write_bytes(style_file.read_bytes()[:kept])
    with pytest.raises(StyleError, match=r"style\.safetensors cannot be used: it is damaged"):
        load_style(style_file)


def described(**changes: object) -> str:
    return json.dumps({"name": "StyleNet", "width": 8, "blocks": 2} | changes)


@pytest.mark.parametrize(
    ("metadata", "sentence"),
    [
        ({"format_version": "99"}, "update the program"),
        ({"format_version": "one"}, "not a style"),
        ({"architecture": described(name="Magic")}, "needs the network 'Magic'"),
        ({"architecture": described(width=10**9)}, "width"),
        ({"architecture": described(width="8")}, "width '8'"),
        ({"architecture": described(name=[])}, "needs the network"),
        ({"architecture": described(blocks=-1)}, "blocks"),
        ({"architecture": described(fold=2)}, "does not describe a network"),
        ({"architecture": described(depth=1)}, "does not describe a network"),
        ({"architecture": "[]"}, "does not describe a network"),
        ({"architecture": "{"}, "does not describe a network"),
        ({"architecture": described(width=16)}, "do not fit"),
        ({"architecture": described(blocks=1)}, "do not fit"),
    ],
)
def test_metadata_that_does_not_fit_is_refused(
    style_file: Path, metadata: dict[str, str], sentence: str
) -> None:
    whole = {"format_version": "3", "architecture": described()} | metadata
    save_file(load_file(style_file), style_file, whole)
    with pytest.raises(StyleError, match=sentence):
        load_style(style_file)


@pytest.mark.parametrize(
    ("version", "size"), [("1", {"fold": 2, "depthwise": False}), ("2", {})], ids=["1", "2"]
)
def test_a_style_of_an_old_network_is_to_be_learnt_again(
    style_file: Path, version: str, size: dict[str, object]
) -> None:
    old = {"format_version": version, "architecture": described(**size)}
    save_file(load_file(style_file), style_file, old)
    with pytest.raises(StyleError, match="learn it from its painting again"):
        load_style(style_file)


def test_an_old_style_of_a_network_that_is_still_there_loads(tmp_path: Path) -> None:
    path = tmp_path / "candy.safetensors"
    network = seeded(SMALL_TRANSFORMER)
    save_style(path, network, METADATA)
    size = {"name": "TransformerNet", "width": 4, "blocks": 3, "fold": 2, "depthwise": False}
    old = {"format_version": "1", "architecture": json.dumps(size)}
    save_file(load_file(path), path, old)
    assert load_style(path).network.architecture == SMALL_TRANSFORMER


def test_plain_weights_are_not_a_style(style_file: Path) -> None:
    save_file(load_file(style_file), style_file)
    with pytest.raises(StyleError, match="not a style"):
        load_style(style_file)


def test_weights_that_are_not_finite_are_refused(style_file: Path) -> None:
    weights = load_file(style_file)
    weights["enter.weight"][0, 0, 0, 0] = float("nan")
    save_file(weights, style_file, {"format_version": "3", "architecture": described()})
    with pytest.raises(StyleError, match="not finite"):
        load_style(style_file)


def example_checkpoint() -> dict[str, Tensor]:
    """State of a pytorch/examples network, with the statistics that old ones carry."""
    state = seeded(Architecture("TransformerNet", 32, 5)).state_dict()
    legacy = {f"{name}.running_mean": torch.zeros(32) for name in ("in1", "res3.in2")}
    return dict(state) | legacy


def test_a_pytorch_examples_checkpoint_loads(tmp_path: Path) -> None:
    torch.save(example_checkpoint(), tmp_path / "candy.pth")
    style = load_style(tmp_path / "candy.pth")
    frame = torch.rand(1, 3, 30, 41)
    expected = paint(seeded(Architecture("TransformerNet", 32, 5)), frame)
    assert isinstance(style.network, TransformerNet)
    torch.testing.assert_close(paint(style.network, frame), expected)


@pytest.mark.parametrize(
    "name",
    ["epoch_2.model", "parallel.pth", "training.pth", "tutorial.pth", "model.pth", "compiled.pth"],
)
def test_checkpoints_as_training_leaves_them_load(tmp_path: Path, name: str) -> None:
    weights = example_checkpoint()
    wrapped = {f"module.{key}": value for key, value in weights.items()}
    kinds = {
        "epoch_2.model": weights,
        "parallel.pth": wrapped,
        "training.pth": {"epoch": 2, "state_dict": wrapped},
        "tutorial.pth": {
            "optimizer_state_dict": {"state": {}, "param_groups": [{"lr": 0.001}]},
            "model_state_dict": weights,
        },
        "model.pth": {"model": weights, "args": None},
        "compiled.pth": {f"_orig_mod.{key}": value for key, value in weights.items()},
    }
    torch.save(kinds[name], tmp_path / name)
    assert isinstance(load_style(tmp_path / name).network, TransformerNet)


class Hostile:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.target,))


def test_a_pickle_that_would_run_code_does_not(tmp_path: Path) -> None:
    proof = tmp_path / "it-ran"
    torch.save({"conv1.conv2d.weight": Hostile(proof)}, tmp_path / "modern.pth")
    (tmp_path / "plain.pth").write_bytes(pickle.dumps(Hostile(proof), protocol=2))
    for name in ("modern.pth", "plain.pth"):
        with pytest.raises(StyleError, match="more than the weights"):
            load_style(tmp_path / name)
    assert not proof.exists()


@pytest.mark.parametrize("content", [b"", b"hello", bytes(4096)])
def test_a_checkpoint_of_rubbish_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "rubbish.pth").write_bytes(content)
    with pytest.raises(StyleError, match="damaged"):
        load_style(tmp_path / "rubbish.pth")


def test_a_truncated_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "candy.pth"
    torch.save(example_checkpoint(), path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(StyleError, match="damaged"):
        load_style(path)


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        ([1, 2], r"by name; write these alone, by torch.save\(model.state_dict\(\)"),
        ({"epoch": 3}, r"more than the weights of a network; write these alone, by torch.save"),
        ({0: torch.zeros(1)}, r"more than the weights of a network; write these alone"),
        (
            seeded(SMALL_TRANSFORMER),
            r"damaged, or holds more than .*; write these alone, by torch.save",
        ),
        ({"weight": torch.zeros(1)}, "fast_neural_style, .*; learn the painting itself"),
        ({"conv1.conv2d.weight": torch.zeros(32, 3, 9, 9)}, "do not fit"),
    ],
)
def test_a_checkpoint_of_something_else_is_refused(
    tmp_path: Path, state: object, sentence: str
) -> None:
    torch.save(state, tmp_path / "other.pth")
    with pytest.raises(StyleError, match=sentence):
        load_style(tmp_path / "other.pth")
