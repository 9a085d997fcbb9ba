"""A checkpoint becomes a style that paints the same; any other file a sentence."""

import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from gpu_worker.convert import main
from gpu_worker.plan import FAILURE_NAME, Failure
from gpu_worker.styles.model import load_style
from tests.gpu_worker.small import SMALL_TRANSFORMER, paint, seeded


class Hostile:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.target,))


def convert(folder: Path, checkpoint: Path) -> int:
    files = ("--checkpoint", checkpoint, "--out", folder / "out.safetensors", "--report", folder)
    return main([str(word) for word in files])


@pytest.mark.parametrize("suffix", [".pth", ".PTH"])
def test_a_checkpoint_becomes_a_style_that_paints_the_same(tmp_path: Path, suffix: str) -> None:
    checkpoint = tmp_path / f"candy{suffix}"
    torch.save(seeded(SMALL_TRANSFORMER).state_dict(), checkpoint)
    assert convert(tmp_path, checkpoint) == 0
    style, frame = load_style(tmp_path / "out.safetensors"), torch.rand(1, 3, 20, 28)
    expected = paint(seeded(SMALL_TRANSFORMER), frame)
    torch.testing.assert_close(paint(style.network, frame), expected)
    assert style.metadata["painting"] == "candy"
    assert not (tmp_path / FAILURE_NAME).exists()


def hostile(folder: Path) -> bytes:
    return pickle.dumps({"conv1.conv2d.weight": Hostile(folder / "it-ran")}, protocol=2)


def saved(folder: Path, state: object) -> bytes:
    torch.save(state, folder / "saved")
    return (folder / "saved").read_bytes()


def broken(folder: Path, change: float) -> bytes:
    state = dict(seeded(SMALL_TRANSFORMER).state_dict())
    state["conv1.conv2d.weight"] = state["conv1.conv2d.weight"] * change
    return saved(folder, state)


@pytest.mark.filterwarnings("ignore:Validating sparse tensor invariants")
def test_what_is_no_checkpoint_is_refused_in_a_sentence(tmp_path: Path) -> None:
    weights = seeded(SMALL_TRANSFORMER).state_dict()
    save_file(weights, tmp_path / "plain.safetensors")
    contents = {
        "hostile.pth": hostile(tmp_path),
        "empty.pth": b"",
        "poem.pth": b"Shall I compare thee to a summer's day?",
        "half.pth": saved(tmp_path, weights)[:3000],
        "list.pth": saved(tmp_path, [1, 2, 3]),
        "shapes.pth": saved(tmp_path, weights | {"conv1.conv2d.weight": torch.zeros(4, 1, 9, 9)}),
        "sparse.pth": saved(tmp_path, {k: v.to_sparse() for k, v in weights.items()}),
        "whole numbers.pth": saved(tmp_path, {k: v.int() for k, v in weights.items()}),
        "nan.pth": broken(tmp_path, float("nan")),
        "inf.pth": broken(tmp_path, float("inf")),
        "plain.safetensors": (tmp_path / "plain.safetensors").read_bytes(),
        "half.safetensors": (tmp_path / "plain.safetensors").read_bytes()[:500],
    }
    for name, content in contents.items():
        folder = tmp_path / f"for {name}"
        folder.mkdir()
        (folder / name).write_bytes(content)
        assert convert(folder, folder / name) == 1
        failure = Failure.from_json((folder / FAILURE_NAME).read_bytes())
        assert (failure.fault, failure.code) == ("input", "unusable-style")
        assert failure.message.startswith(f"The style {name} cannot be used: ")
        assert "\n" not in failure.message
        assert not (folder / "out.safetensors").exists()
    assert not (tmp_path / "it-ran").exists()


def test_a_full_disk_is_the_worlds_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    checkpoint = tmp_path / "candy.pth"
    torch.save(seeded(SMALL_TRANSFORMER).state_dict(), checkpoint)
    monkeypatch.setattr("gpu_worker.convert.save_style", fail)
    with pytest.raises(OSError, match="No space left"):
        convert(tmp_path, checkpoint)
    failure = Failure.from_json((tmp_path / FAILURE_NAME).read_bytes())
    assert failure == Failure("world", "The worker failed (OSError); its log says more.")
