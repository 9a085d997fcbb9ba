"""VGG-16 judges with torchvision's weights, and what does not hold them is refused in a sentence.

The weights are made here: the layers are VGG-16's, what they have learnt is nothing.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Generator, Tensor
from torchvision.models import vgg16

from gpu_worker.errors import InputError
from gpu_worker.learning.perceptual import PerceptualFactory, VggFeatures
from gpu_worker.learning.recipe import Recipe

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def weights() -> dict[str, Tensor]:
    torch.manual_seed(0)
    with torch.device("meta"):
        shapes = vgg16(weights=None).state_dict()
    features = {key: shape for key, shape in shapes.items() if key.startswith("features.")}
    return {key: 0.05 * torch.randn(shape.shape) for key, shape in features.items()}


@pytest.fixture(scope="module")
def file(weights: dict[str, Tensor], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("vgg") / "vgg16.pth"
    torch.save(weights, path)
    return path


def test_features_are_those_of_torchvision(weights: dict[str, Tensor]) -> None:
    rgb = torch.rand(1, 3, 64, 64)
    taps = VggFeatures(weights)(rgb)
    assert [tuple(tap.shape[1:]) for tap in taps] == [
        (64, 64, 64),
        (128, 32, 32),
        (256, 16, 16),
        (512, 8, 8),
    ]
    reference = vgg16(weights=None).features[:23]
    reference.load_state_dict({k.removeprefix("features."): v for k, v in weights.items()}, False)
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    normed = (rgb - mean[:, None, None]) / deviation[:, None, None]
    torch.testing.assert_close(taps[-1], reference(normed))


def test_the_painting_has_its_own_style_and_a_photo_its_own_content(
    file: Path, stripes: Callable[..., Tensor]
) -> None:
    painting, photo = stripes(9), stripes(31)
    judge = PerceptualFactory(file)(Recipe(), painting[0], [], Generator(), CPU)
    assert judge.losses(painting, photo)["style"] < 1e-3 * judge.losses(photo, photo)["style"]
    assert judge.losses(photo, photo)["content"] == 0
    assert judge.losses(painting, photo)["content"] > 0


@pytest.mark.parametrize("content", [b"", b"a poem", b"PK\x03\x04"])
def test_what_holds_no_weights_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "poem.pth"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"poem\.pth does not hold torchvision's weights"):
        PerceptualFactory(path)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    torch.save({"features.0.weight": torch.zeros(2)}, tmp_path / "other.pth")
    with pytest.raises(InputError, match=r"other\.pth does not hold"):
        PerceptualFactory(tmp_path / "other.pth")


def test_weights_of_other_shapes_are_refused(weights: dict[str, Tensor], tmp_path: Path) -> None:
    torch.save(weights | {"features.0.weight": torch.zeros(2)}, tmp_path / "other.pth")
    with pytest.raises(InputError, match=r"other\.pth does not hold"):
        PerceptualFactory(tmp_path / "other.pth")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no file .*lost\.pth"):
        PerceptualFactory(tmp_path / "lost.pth")
