"""A GPU is used if it works; a node that must have one and has none says what it has."""

from pathlib import Path

import pytest
import torch

from gpu_worker.errors import NoGpuError
from gpu_worker.hardware import driver
from gpu_worker.hardware.device import usable_device
from gpu_worker.plan import NEEDS_GPU

CPU = torch.device("cpu")


def test_a_node_that_need_have_no_gpu_paints_on_its_cpu(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.delenv(NEEDS_GPU, raising=False)
    assert usable_device() == CPU


def test_a_node_that_must_have_a_gpu_and_has_none_says_what_it_has(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(driver, "version", lambda: "535.161.08")
    monkeypatch.setattr(driver, "newest_cuda", lambda: "12.2")
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setenv(NEEDS_GPU, "1")
    with pytest.raises(NoGpuError, match=r"driver is 535\.161\.08, for CUDA 12\.2 at most, and"):
        usable_device()


def test_a_gpu_that_pytorch_was_not_built_for_is_none(monkeypatch: pytest.MonkeyPatch):
    def refuse(*_arguments: object, **_options: object) -> None:
        raise RuntimeError("CUDA error: no kernel image is available\nmore")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch, "ones", refuse)
    monkeypatch.setenv(NEEDS_GPU, "1")
    with pytest.raises(NoGpuError, match=r"\(CUDA error: no kernel image is available\)"):
        usable_device()


def test_the_driver_is_read_from_what_its_module_says(tmp_path: Path):
    module = tmp_path / "version"
    assert driver.version(module) == ""
    module.write_text(
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.161.08  Sat Feb  3\n"
        "GCC version:  gcc version 11.4.0\n"
    )
    assert driver.version(module) == "535.161.08"


def test_a_node_without_a_driver_says_so(monkeypatch: pytest.MonkeyPatch):
    assert driver.newest_cuda("libnone.so.1") == ""
    monkeypatch.setattr(driver, "version", lambda: "")
    monkeypatch.setattr(driver, "newest_cuda", lambda: "")
    monkeypatch.setattr(torch.version, "cuda", None)
    assert driver.told().startswith("no driver, and PyTorch ")
    assert driver.told().endswith("was built without CUDA")
