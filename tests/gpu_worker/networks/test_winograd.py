"""Convolution in fewer products: the same numbers as those of all products."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from gpu_worker.networks import winograd

SIDES = st.integers(1, 20)
CHANNELS = st.integers(1, 9)


@settings(max_examples=60)
@given(frames=st.integers(1, 3), height=SIDES, width=SIDES, inputs=CHANNELS, outputs=CHANNELS)
def test_the_products_left_out_do_not_show(
    frames: int, height: int, width: int, inputs: int, outputs: int
) -> None:
    x, weight = _drawn(frames, inputs, outputs, height, width)
    expected = F.conv2d(x, weight)
    torch.testing.assert_close(winograd.convolve(x, weight), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_it_takes_any_layout_and_gives_channels_last(layout: torch.memory_format) -> None:
    x, weight = _drawn(2, 8, 16, 14, 10)
    painted = winograd.convolve(x.contiguous(memory_format=layout), weight)
    assert painted.stride(1) == 1
    torch.testing.assert_close(painted, F.conv2d(x, weight), rtol=0, atol=1e-4)


def test_bfloat16_loses_at_most_six_times_as_much() -> None:
    x, weight = _drawn(1, 64, 64, 48, 32)
    exact = F.conv2d(x.bfloat16().float(), weight)

    def lost(convolved: Tensor) -> float:
        return float((convolved.float() - exact).norm() / exact.norm())

    rounded = [tensor.bfloat16() for tensor in (x, weight)]
    plain, fewer = F.conv2d(*rounded), winograd.convolve(*rounded)
    assert fewer.dtype == torch.bfloat16
    assert lost(fewer) < 6 * lost(plain) < 0.02


def test_gradients_are_those_of_all_products() -> None:
    x, weight = (tensor.requires_grad_() for tensor in _drawn(1, 3, 5, 9, 7))
    expected = torch.autograd.grad(F.conv2d(x, weight).square().sum(), (x, weight))
    given = torch.autograd.grad(winograd.convolve(x, weight).square().sum(), (x, weight))
    for ours, theirs in zip(given, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-3)


def test_a_gpu_is_left_to_its_library() -> None:
    assert not winograd.pays(torch.device("cuda"))


@pytest.mark.parametrize("matrix_units", [True, False])
def test_it_pays_on_cpus_without_matrix_units(
    matrix_units: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(winograd, "_MATRIX_UNITS", matrix_units)
    assert winograd.pays(torch.device("cpu")) is not matrix_units


def _drawn(
    frames: int, inputs: int, outputs: int, height: int, width: int
) -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    x = torch.randn(frames, inputs, height + 2, width + 2)
    scale = (9 * inputs) ** -0.5
    return x, torch.randn(outputs, inputs, 3, 3) * scale
