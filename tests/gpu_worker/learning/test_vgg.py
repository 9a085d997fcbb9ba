"""The judge is VGG-16 as torchvision has it, and it tells pictures apart by what they show."""

from collections.abc import Callable

import torch
from safetensors.torch import load_file
from torch import Tensor
from torchvision.models import vgg16

from gpu_worker.learning.vgg import LAYERS, WEIGHTS, Vgg, gram, style_distances


def test_it_sees_what_torchvision_sees(vgg: Vgg) -> None:
    rgb = torch.rand(1, 3, 64, 64)
    seen = vgg(rgb)
    sizes = [(64, 64, 64), (128, 32, 32), (256, 16, 16), (512, 8, 8)]
    assert [tuple(features.shape[1:]) for features in seen] == sizes
    reference = vgg16(weights=None).features[:23]
    weights = load_file(WEIGHTS)
    reference.load_state_dict({k.removeprefix("features."): v for k, v in weights.items()})
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    normed = (rgb - mean[:, None, None]) / deviation[:, None, None]
    torch.testing.assert_close(seen[-1], reference(normed), rtol=1e-3, atol=1e-3)


def test_it_looks_no_further_than_it_is_asked_to(vgg: Vgg) -> None:
    rgb = torch.rand(1, 3, 32, 32)
    for count, layer in enumerate(LAYERS, 1):
        seen = vgg(rgb, layer)
        assert len(seen) == count
        assert torch.equal(seen[-1], vgg(rgb)[count - 1])


def test_layers_are_of_one_size_on_a_picture(vgg: Vgg, stripes: Callable[..., Tensor]) -> None:
    for features in vgg(stripes(9)):
        assert 0.2 < features.mean() < 5


def test_a_gram_matrix_forgets_places() -> None:
    features = torch.rand(2, 5, 6, 7)
    turned = features.flatten(2)[..., torch.randperm(42)].reshape(2, 5, 7, 6)
    torch.testing.assert_close(gram(features), gram(turned))
    torch.testing.assert_close(gram(features), gram(features).mT)


def test_a_picture_has_its_own_style_and_no_other(vgg: Vgg, stripes: Callable[..., Tensor]) -> None:
    painting, photo = stripes(9), stripes(31)
    wanted = [gram(seen) for seen in vgg(painting)]
    near, far = style_distances(vgg(torch.cat([painting.roll(24, -1), photo])), wanted).mT
    assert near.shape == (len(LAYERS),)
    assert (near < 0.5 * far).all()
