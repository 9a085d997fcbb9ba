"""What a rank paints with: the precision is chosen for a reason, or as asked for."""

import pytest
import torch

from gpu_worker.hardware.precision import PRECISIONS, Precision

CPU = torch.device("cpu")


@pytest.mark.parametrize("name", PRECISIONS)
def test_what_is_asked_for_is_taken(name: str):
    precision = Precision.choose(CPU, name)
    assert precision.dtype == getattr(torch, name)
    assert str(precision) == f"{name} (as asked for)"


@pytest.mark.parametrize(
    ("able", "dtype", "reason"),
    [
        ({"avx512_bf16": True}, torch.bfloat16, "avx512_bf16"),
        ({"amx_bf16": True, "avx512_bf16": True}, torch.bfloat16, "amx_bf16"),
        ({"avx512_bf16": False, "avx2": True}, torch.float32, "not known"),
        ({}, torch.float32, "not known"),
    ],
)
def test_a_cpu_paints_in_what_it_is_fast_with(
    able: dict[str, bool], dtype: torch.dtype, reason: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able, raising=False)
    precision = Precision.choose(CPU)
    assert precision.dtype == dtype
    assert reason in precision.reason


def test_a_pytorch_that_cannot_tell_paints_in_float32(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert Precision.choose(CPU).dtype == torch.float32


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_paints_in_half_the_bits():
    assert Precision.choose(torch.device("cuda")).dtype in {torch.bfloat16, torch.float16}
