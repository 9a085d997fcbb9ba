"""A style's thumbnail shows what the style's own network makes of the landscape."""

import base64
import io

import torch
from PIL import Image
from torch import Tensor

from gpu_worker.networks.architectures import Architecture, Network
from gpu_worker.styles.landscape import HEIGHT, WIDTH, landscape
from gpu_worker.styles.thumbnail import thumbnail
from tests.gpu_worker.small import SMALL, seeded


class Crimson(Network):
    """Paints everything in one colour."""

    def forward(self, rgb: Tensor) -> Tensor:
        return torch.tensor([0.8, 0.1, 0.2])[:, None, None].expand_as(rgb)


def opened(text: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(text)))


def test_the_landscape_is_always_the_same_and_shows_something() -> None:
    picture = landscape()
    assert picture.shape == (3, HEIGHT, WIDTH)
    assert torch.equal(picture, landscape())
    assert 0 <= picture.min() < 0.2
    assert 0.9 < picture.max() <= 1
    assert picture.std(dim=(1, 2)).min() > 0.1


def test_a_thumbnail_is_painted_by_the_network() -> None:
    image = opened(thumbnail(Crimson(Architecture("Crimson"))))
    assert (image.format, image.size) == ("JPEG", (WIDTH, HEIGHT))
    red, green, blue = image.getpixel((99, 99))
    assert abs(red - 204) + abs(green - 26) + abs(blue - 51) < 9


def test_a_thumbnail_is_small_whatever_the_networks_precision() -> None:
    text = thumbnail(seeded(SMALL).to(torch.bfloat16))
    assert opened(text).size == (WIDTH, HEIGHT)
    assert len(text) < 2**17
