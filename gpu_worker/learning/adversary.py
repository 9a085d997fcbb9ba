"""A small adversary that learns to tell crops of the painting from what the network paints."""

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gpu_worker.networks import place

_SCALES = (1, 2, 4)
_NOISE = 0.03


class PatchCritic(nn.Module):
    """Scores overlapping patches of about 22 pixels: 1 for the painting, 0 for the network."""

    def __init__(self) -> None:
        """Build with random weights."""
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 32, 4, 2),
            nn.LeakyReLU(0.2),
            nn.Conv2d(32, 48, 4, 2),
            nn.LeakyReLU(0.2),
            nn.Conv2d(48, 64, 3),
            nn.LeakyReLU(0.2),
            nn.Conv2d(64, 1, 1),
        )

    def forward(self, rgb: Tensor) -> Tensor:
        """Scores `(N, 1, H', W')` for `(N, 3, H, W)` RGB in [0, 1]."""
        return self.layers(rgb * 2 - 1)


class Adversary:
    """One critic for each scale, with their optimizer (LSGAN, Mao et al. 2017)."""

    def __init__(self, device: torch.device) -> None:
        """Start with critics that know nothing."""
        self._critics = place(nn.ModuleList(PatchCritic() for _ in _SCALES), device)
        self._optimizer = torch.optim.Adam(self._critics.parameters(), 1e-3, betas=(0.5, 0.99))

    def loss(self, painted: Tensor) -> Tensor:
        """How clearly `(N, 3, H, W)` is told from the painting: what the network shall reduce."""
        self._critics.requires_grad_(requires_grad=False)
        return torch.stack([(s - 1).square().mean() for s in self._scores(painted)]).mean()

    def learn(self, painted: Tensor, painting_crops: Tensor) -> None:
        """One step of the critics on a batch of either kind."""
        self._critics.requires_grad_(requires_grad=True)
        real = [(s - 1).square().mean() for s in self._scores(_noisy(painting_crops))]
        fake = [s.square().mean() for s in self._scores(_noisy(painted.detach()))]
        self._optimizer.zero_grad()
        torch.stack(real + fake).mean().backward()
        self._optimizer.step()

    def state_dict(self) -> dict[str, Any]:
        """Weights and the optimizer's state."""
        return {
            "critics": self._critics.state_dict(),
            "optimizer": self._optimizer.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self._critics.load_state_dict(state["critics"])
        self._optimizer.load_state_dict(state["optimizer"])

    def _scores(self, rgb: Tensor) -> list[Tensor]:
        pairs = zip(self._critics, _SCALES, strict=True)
        return [critic(F.avg_pool2d(rgb, scale)) for critic, scale in pairs]


def _noisy(rgb: Tensor) -> Tensor:
    return rgb + _NOISE * torch.randn_like(rgb)
