"""Swatches: a frame in other styles, small; one that cannot be used spoils no other."""

import base64
import io
import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from gpu_worker.networks.architectures import Architecture
from gpu_worker.styles.model import save_style
from gpu_worker.styles.swatches import SIZE, swatches
from tests.gpu_worker.small import SMALL, paint, seeded

CPU = torch.device("cpu")


@pytest.fixture
def styles(tmp_path: Path) -> dict[str, Path]:
    networks = {"plain": Architecture("Identity"), "small": SMALL}
    for name, architecture in networks.items():
        save_style(tmp_path / f"{name}.safetensors", seeded(architecture), {})
    return {name: tmp_path / f"{name}.safetensors" for name in networks}


def opened(made: bytes) -> dict[str, Image.Image]:
    by_name = json.loads(made)
    return {name: Image.open(io.BytesIO(base64.b64decode(text))) for name, text in by_name.items()}


def test_each_style_paints_the_frame_by_its_own_network(styles: dict[str, Path]) -> None:
    frame = Image.new("RGB", (96, 64), (200, 100, 50))
    made = opened(swatches(frame, styles, CPU))
    assert {image.size for image in made.values()} == {(96, 64)}
    assert made["plain"].getpixel((48, 32)) == pytest.approx((200, 100, 50), abs=4)
    colour = torch.tensor([200, 100, 50])[:, None, None].expand(3, 64, 96) / 255
    expected = paint(seeded(SMALL), colour[None])[0, :, 32, 48].clamp(0, 1) * 255
    assert made["small"].getpixel((48, 32)) == pytest.approx(expected.tolist(), abs=12)


@pytest.mark.parametrize("size", [(1920, 1080), (1080, 1920)])
def test_a_swatch_is_small_and_of_the_frames_shape(
    styles: dict[str, Path], size: tuple[int, int]
) -> None:
    frame = Image.new("RGB", size)
    made = opened(swatches(frame, styles, CPU))
    assert {max(image.size) for image in made.values()} == {max(SIZE)}
    assert {image.width > image.height for image in made.values()} == {size[0] > size[1]}
    assert frame.size == size


def test_a_style_that_cannot_be_used_is_left_out(
    styles: dict[str, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (broken := tmp_path / "broken.safetensors").write_bytes(b"no style")
    missing = tmp_path / "missing.safetensors"
    every = {"broken": broken, "missing": missing, **styles}
    assert opened(swatches(Image.new("RGB", (64, 64)), every, CPU)).keys() == styles.keys()
    assert "there is no swatch of broken: The style broken.safetensors" in caplog.text
