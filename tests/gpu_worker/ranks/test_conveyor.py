"""The conveyor: what comes back is what was sent, worked on, in order."""

import numpy as np
import pytest
import torch

from gpu_worker.ranks.conveyor import through

BATCHES = [np.full((2, 6, 4), number, np.uint8) for number in range(9)]
DEVICES = [
    torch.device("cpu"),
    pytest.param(
        torch.device("cuda"),
        marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
    ),
]


@pytest.mark.parametrize("device", DEVICES, ids=str)
def test_every_batch_comes_back_in_order(device: torch.device):
    results = [result.copy() for result in through(device, iter(BATCHES), lambda x: x + 100)]
    assert len(results) == len(BATCHES)
    for before, after in zip(BATCHES, results, strict=True):
        assert after.dtype == np.uint8
        assert np.array_equal(after, before + 100)


@pytest.mark.parametrize("device", DEVICES, ids=str)
def test_work_is_done_on_the_device_and_keeps_no_gradients(device: torch.device):
    seen: list[torch.Tensor] = []

    def work(batch: torch.Tensor) -> torch.Tensor:
        seen.append(batch + 0)
        return batch

    assert list(through(device, iter([]), work)) == []
    list(through(device, BATCHES[:1], work))
    assert seen[0].device.type == device.type
    assert seen[0].is_inference()


@pytest.mark.parametrize("device", DEVICES, ids=str)
def test_what_goes_wrong_on_the_way_is_not_lost(device: torch.device):
    def work(_: torch.Tensor) -> torch.Tensor:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        list(through(device, BATCHES, work))
