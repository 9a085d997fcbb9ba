"""3x3 convolution in 8 products for each 18: Winograd's filtering F(6, 3), down the columns.

Six output rows depend on eight input rows. Taken as polynomials, their product with the three taps
is known from its values at eight points, `Y = A [(G g) * (B d)]` (Lavin and Gray 2015,
arXiv:1509.09308): eight convolutions with a kernel of one row, in place of eighteen. The same along
the rows would save as much again, but already this has up to six times the error in bfloat16,
which makes a whole network's twice what it is.
"""

from collections.abc import Iterator
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from gpu_worker.hardware import cpu

_ROWS: Final = 6
"""Output rows of a tile."""
_TAPS: Final = 3
_POINTS: Final = (0.0, 0.5, -0.5, 1.0, -1.0, 2.0, -2.0)
"""Where the polynomials are evaluated, beside infinity. Of the pairs of opposite points that are
eighths, up to 2, these lose least; what the transforms hold is exact in bfloat16."""
_VALUES: Final = len(_POINTS) + 1
_MATRIX_UNITS: Final = cpu.has("amx_bf16")


def _transforms() -> tuple[Tensor, Tensor, Tensor]:
    """Work out A `(6, 8)`, G `(8, 3)` and B `(8, 8)`.

    Evaluation is a Vandermonde matrix, the way back its inverse; a filter is the transpose of a
    product, which swaps the two. Rows of B are scaled to lead with 1, as they are usually given.
    """

    def evaluation(coefficients: int) -> Tensor:
        points = torch.tensor(_POINTS, dtype=torch.float64)
        infinity = torch.eye(coefficients, dtype=torch.float64)[-1:]
        return torch.cat([torch.linalg.vander(points, N=coefficients), infinity])

    back = evaluation(_VALUES).inverse().T
    lead = torch.cat([back[:-1, -2:-1], back[-1:, -1:]])
    a, g, b = evaluation(_ROWS).T, evaluation(_TAPS) * lead, back / lead
    return a.float(), g.float(), b.float()


_A, _G, _B = _transforms()


def pays(device: torch.device) -> bool:
    """Whether products are what takes the time: on a CPU whose vector units do them.

    On a GPU, cuDNN chooses for itself; matrix units are done with the products before the
    transforms are.
    """
    return device.type == "cpu" and not _MATRIX_UNITS


def convolve(x: Tensor, weight: Tensor) -> Tensor:
    """Convolve a picture that has its border already.

    Args:
        x: `(N, C, H + 2, W + 2)`; channels-last is fastest.
        weight: `(C', C, 3, 3)`.

    Returns:
        `(N, C', H, W)`, the channels of each pixel side by side.
    """
    batch, _, bordered, width = x.shape
    products = torch.stack([_rows(product) for product in _products(_evaluated(x), weight)], 2)
    rows = torch.matmul(_A.to(x), products)
    pixels = rows.view(batch, -1, width - _TAPS + 1, len(weight))
    return pixels[:, : bordered - _TAPS + 1].permute(0, 3, 1, 2)


def _evaluated(x: Tensor) -> Tensor:
    """Transform the rows of each tile to values at the points, tile below tile."""
    batch, channels, bordered, width = x.shape
    missing = -(bordered - _TAPS + 1) % _ROWS
    rows = _rows(F.pad(x, (0, 0, 0, missing)) if missing else x)
    tiles = rows.unfold(1, _VALUES, _ROWS).transpose(2, 3)
    values = torch.matmul(_B.to(x), tiles)
    return values.reshape(batch, -1, width, channels).permute(0, 3, 1, 2)


def _products(values: Tensor, weight: Tensor) -> Iterator[Tensor]:
    """Convolve the values at each point by the kernel's value there, along the rows."""
    # Last come the channels, so that no kernel has to be copied to be channels-last.
    taps = weight.permute(2, 0, 3, 1).float()
    kernels = (_G.to(taps) @ taps.flatten(1)).to(weight.dtype).view(-1, *taps.shape[1:])
    for point, kernel in enumerate(kernels.permute(0, 1, 3, 2)):
        yield F.conv2d(values[:, :, point:], kernel.unsqueeze(2), stride=(_VALUES, 1))


def _rows(x: Tensor) -> Tensor:
    """`(N, C, H, W)` to `(N, H, W C)`: without a copy, if channels-last."""
    return x.permute(0, 2, 3, 1).flatten(2)
