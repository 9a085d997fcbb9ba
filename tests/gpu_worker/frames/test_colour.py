"""Colour: known colours, and the way to RGB and back."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gpu_worker.errors import InputError
from gpu_worker.frames.colour import LUMA_WEIGHTS, Coding, to_planes, to_rgb
from tests.gpu_worker.plans import even, synthetic_plan


def coding(matrix: str = "bt709", full_range: bool = False) -> Coding:
    return Coding.of(synthetic_plan(even(1), matrix=matrix, full_range=full_range).picture)


def flat(y: int, u: int, v: int) -> torch.Tensor:
    """Make one frame of 4 x 4 pixels of a colour."""
    rows = [[y] * 4] * 4 + [[u] * 4, [v] * 4]
    return torch.tensor([rows], dtype=torch.uint8)


@given(
    st.sampled_from(sorted(LUMA_WEIGHTS)),
    st.booleans(),
    st.integers(1, 3),
    st.integers(1, 9),
    st.integers(1, 9),
    st.integers(0, 2**32 - 1),
)
def test_any_planes_come_back_as_they_were(
    matrix: str, full_range: bool, count: int, half_height: int, half_width: int, seed: int
):
    shape = (count, half_height * 3, half_width * 2)
    planes = torch.as_tensor(np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8))
    code = coding(matrix, full_range)
    rgb = to_rgb(planes, code)
    assert rgb.shape == (count, 3, half_height * 2, half_width * 2)
    assert torch.equal(to_planes(rgb, code), planes)


# ITU-R BT.709-6 and BT.601-7, 75 % or 100 % colour bars in 8 bits; full range by the JFIF formula.
@pytest.mark.parametrize(
    ("matrix", "full_range", "yuv", "rgb"),
    [
        ("bt709", False, (16, 128, 128), (0, 0, 0)),
        ("bt709", False, (235, 128, 128), (1, 1, 1)),
        ("bt709", False, (63, 102, 240), (1, 0, 0)),
        ("bt709", False, (173, 42, 26), (0, 1, 0)),
        ("bt709", False, (32, 240, 118), (0, 0, 1)),
        ("smpte170m", False, (81, 90, 240), (1, 0, 0)),
        ("smpte170m", False, (145, 54, 34), (0, 1, 0)),
        ("bt470bg", False, (41, 240, 110), (0, 0, 1)),
        ("bt470bg", True, (76, 85, 255), (1, 0, 0)),
        ("bt709", True, (255, 128, 128), (1, 1, 1)),
        ("bt2020nc", False, (74, 97, 240), (1, 0, 0)),
    ],
)
def test_known_colours(
    matrix: str, full_range: bool, yuv: tuple[int, int, int], rgb: tuple[int, int, int]
):
    found = to_rgb(flat(*yuv), coding(matrix, full_range))[0, :, 0, 0]
    assert torch.allclose(found, torch.tensor(rgb, dtype=torch.float32), atol=0.01)


def test_chroma_belongs_to_its_own_block():
    planes = flat(128, 128, 128)
    planes[0, 5, 1] = 240  # V of the upper right block
    red = to_rgb(planes, coding())[0, 0]
    assert (red[:2, 2:] > 0.9).all()
    assert torch.allclose(red[2:], red[0, 0])


def test_colours_beyond_white_and_black_stop_there():
    rgb = torch.tensor([9.0, 9.0, 9.0, -9.0, -9.0, -9.0]).view(2, 3, 1, 1).expand(2, 3, 2, 2)
    planes = to_planes(rgb, coding(full_range=True))
    assert planes[:, :2].unique(dim=1).flatten().tolist() == [255, 255, 0, 0]


def test_a_block_of_several_colours_has_the_average_of_their_chroma():
    blue = torch.tensor([[1.0, 0.0], [0.0, 0.0]]).expand(1, 1, 2, 2)
    rgb = torch.cat([torch.zeros(1, 2, 2, 2), blue], dim=1)
    (chroma,) = to_planes(rgb, coding(full_range=True))[0, 2:].tolist()
    quarter = 255 / 2 / 4
    assert chroma == [round(128 + quarter), round(128 - quarter * 0.0722 / (1 - 0.2126))]


def test_how_rgb_lies_in_memory_does_not_matter():
    planes = torch.arange(6 * 4, dtype=torch.uint8).view(1, 6, 4) * 10
    rgb = to_rgb(planes, coding())
    assert rgb.is_contiguous()
    interleaved = rgb.contiguous(memory_format=torch.channels_last)
    assert torch.equal(to_planes(interleaved, coding()), to_planes(rgb, coding()))


def test_an_unknown_matrix_is_refused_and_the_known_ones_named():
    with pytest.raises(InputError, match=r"ictcp.*bt709"):
        coding("ictcp")
