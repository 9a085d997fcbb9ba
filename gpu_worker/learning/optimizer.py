"""What takes the steps: Muon for the matrices of a network, Adam for the rest."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

import torch
from torch import Tensor, nn

_BETAS: Final = (0.9, 0.99)
"""Of Adam; the second forgets the first steps, whose gradients are small."""


class Optimizer:
    """Muon (Jordan et al. 2024), whose steps change all directions of a matrix alike.

    A convolution's kernel is a matrix, from what it covers to its outputs. Layers that meet colours
    and all shifts are left to Adam, as is usual. The steps of both have one size, as Liu et al.
    2025 scale Muon's.
    """

    def __init__(self, network: nn.Module, meet_colours: Collection[nn.Module]) -> None:
        """Take over the parameters of a network.

        Args:
            network: in channels-last layout, for its kernels are optimised where they lie.
            meet_colours: its first and last layers.
        """
        outer = {id(weight) for layer in meet_colours for weight in layer.parameters()}
        inner = [w for w in network.parameters() if w.ndim == 4 and id(w) not in outer]
        taken = {id(weight) for weight in inner}
        self._kernels = [(kernel, nn.Parameter(_matrix(kernel.detach()))) for kernel in inner]
        self._muon = torch.optim.Muon(
            [matrix for _, matrix in self._kernels],
            weight_decay=0.0,
            adjust_lr_fn="match_rms_adamw",
        )
        self._adam = torch.optim.Adam(
            [weight for weight in network.parameters() if id(weight) not in taken], betas=_BETAS
        )
        self._network = network

    def zero_grad(self) -> None:
        """Forget the gradients."""
        self._network.zero_grad()

    def step(self, learning_rate: float) -> None:
        """Follow the gradients."""
        for kernel, matrix in self._kernels:
            matrix.grad = None if kernel.grad is None else _matrix(kernel.grad)
        for optimizer in (self._muon, self._adam):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate
            optimizer.step()

    def state_dict(self) -> dict[str, Any]:
        """All that a later run needs to go on."""
        return {"muon": self._muon.state_dict(), "adam": self._adam.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self._muon.load_state_dict(state["muon"])
        self._adam.load_state_dict(state["adam"])


def _matrix(kernel: Tensor) -> Tensor:
    """See a kernel `(C', C, h, w)` as `(C', h * w * C)`; in channels-last layout without a copy."""
    return kernel.permute(0, 2, 3, 1).flatten(1)
