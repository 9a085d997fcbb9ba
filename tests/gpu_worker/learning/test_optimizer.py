"""The optimizer steps against the gradient, and goes on where it was."""

from copy import deepcopy

import torch
from torch import Tensor, nn

from gpu_worker.learning.optimizer import Optimizer


def made() -> tuple[nn.Sequential, Optimizer]:
    torch.manual_seed(1)
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3), nn.Conv2d(8, 3, 1))
    network.to(memory_format=torch.channels_last)
    return network, Optimizer(network, (network[0], network[2]))


def loss_of(network: nn.Module) -> Tensor:
    rgb = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(2))
    return (network(rgb) - 0.5).square().mean()


def learn(network: nn.Module, optimizer: Optimizer, steps: int, rate: float = 0.01) -> float:
    for _ in range(steps):
        optimizer.zero_grad()
        loss = loss_of(network)
        loss.backward()
        optimizer.step(rate)
    return loss_of(network).item()


def test_every_parameter_takes_part_in_bringing_a_loss_down() -> None:
    network, optimizer = made()
    before = {name: weight.clone() for name, weight in network.named_parameters()}
    first = loss_of(network).item()
    assert learn(network, optimizer, 30) < 0.2 * first
    for name, weight in network.named_parameters():
        assert not torch.equal(weight, before[name]), name


def test_a_kernel_is_changed_in_all_directions_alike() -> None:
    """More so than its gradient would change it, which is strong in a few."""
    network, optimizer = made()
    kernel = network.get_submodule("1").get_parameter("weight")
    before = kernel.detach().clone()
    learn(network, optimizer, 1)
    assert kernel.grad is not None
    assert evenness(kernel.detach() - before) > 3 * evenness(kernel.grad)


def evenness(kernel: Tensor) -> float:
    """The least of its singular values as a share of the greatest."""
    strengths = torch.linalg.svdvals(kernel.permute(0, 2, 3, 1).flatten(1))
    return float(strengths.min() / strengths.max())


def test_no_rate_is_no_step() -> None:
    network, optimizer = made()
    assert learn(network, optimizer, 2, rate=0) == loss_of(network).item()
    assert learn(network, optimizer, 0) == loss_of(made()[0]).item()


def test_what_is_kept_goes_on_as_if_there_had_been_no_break() -> None:
    network, optimizer = made()
    learn(network, optimizer, 3)
    again, resumed = made()
    again.load_state_dict(network.state_dict())
    resumed.load_state_dict(deepcopy(optimizer.state_dict()))
    assert learn(again, resumed, 3) == learn(network, optimizer, 3)
