"""The adversary learns to see the difference, and the network can fool it."""

import torch

from gpu_worker.learning.adversary import Adversary

CPU = torch.device("cpu")


def test_what_is_not_the_painting_is_found_out() -> None:
    torch.manual_seed(0)
    adversary = Adversary(CPU)
    painting, painted = torch.rand(2, 3, 96, 96).round(), torch.full((2, 3, 96, 96), 0.5)
    for _ in range(15):
        adversary.learn(painted, painting)
    assert adversary.loss(painting) < 0.5 * adversary.loss(painted)


def test_the_loss_teaches_the_network_but_not_the_critics() -> None:
    adversary = Adversary(CPU)
    painted = torch.rand(1, 3, 96, 96, requires_grad=True)
    before = adversary.loss(painted)
    before.backward()
    assert painted.grad is not None
    assert painted.grad.abs().sum() > 0
    assert torch.equal(adversary.loss(painted), before)
