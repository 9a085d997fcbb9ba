"""Networks small enough for tests, with weights that are always the same."""

import torch
from torch import Tensor

from gpu_worker.networks import Architecture, Network, build

SMALL = Architecture("StyleNet", width=8, blocks=2)
SMALL_FOLDED = Architecture("StyleNet", width=12, blocks=2, fold=4, depthwise=True)
SMALL_TRANSFORMER = Architecture("TransformerNet", width=4, blocks=3)


def seeded(architecture: Architecture) -> Network:
    torch.manual_seed(1)
    return build(architecture).eval()


def paint(network: Network, rgb: Tensor) -> Tensor:
    with torch.inference_mode():
        return network(rgb)
