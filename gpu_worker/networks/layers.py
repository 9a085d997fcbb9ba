"""The layers of pytorch/examples' network, key for key, in fewer operations."""

from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gpu_worker.networks import winograd


class InstanceNorm(nn.Module):
    """Instance norm, as group norm with a channel a group: that keeps channels-last on CPUs.

    Statistics are float32, whatever the weights are.
    """

    def __init__(self, channels: int) -> None:
        """Start as plain normalisation, without scale or shift."""
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise `(N, C, H, W)` over H and W."""
        return F.group_norm(x, x.shape[1], self.weight, self.bias)


class InstanceResidual(nn.Module):
    """`ResidualBlock` of pytorch/examples: two 3x3 convolutions with instance norm."""

    def __init__(self, channels: int) -> None:
        """Keep the number of channels and the size."""
        super().__init__()
        self.conv1 = WinogradConv(channels, channels, 3)
        self.in1 = InstanceNorm(channels)
        self.conv2 = WinogradConv(channels, channels, 3)
        self.in2 = InstanceNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        """`(N, C, H, W)` to the same shape."""
        y = F.relu(self.in1(self.conv1(x)), inplace=True)
        return self.in2(self.conv2(y)).add_(x)


class ReflectedConv(nn.Module):
    """`ConvLayer` of pytorch/examples: convolution of a picture with a mirrored border."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        """`kernel` is odd."""
        super().__init__()
        self.border = (kernel // 2,) * 4
        self.conv2d = nn.Conv2d(inputs, outputs, kernel, stride)

    def forward(self, x: Tensor) -> Tensor:
        """`(N, C, H, W)` to `(N, C', H / stride, W / stride)`."""
        return self.conv2d(F.pad(x, self.border, mode="reflect"))


class WinogradConv(ReflectedConv):
    """A 3x3 convolution in half the products, where the device has no better way of its own.

    For use before an instance norm: that takes any bias away again, so it is left out.
    """

    def forward(self, x: Tensor) -> Tensor:
        """`(N, C, H, W)` to `(N, C', H, W)`."""
        if not winograd.pays(x.device):
            return super().forward(x)
        bordered = F.pad(x, self.border, mode="reflect")
        return winograd.convolve(bordered, self.conv2d.weight)


class UpsampledConv(ReflectedConv):
    """`UpsampleConvLayer` of pytorch/examples: pixels doubled, a mirrored border, a 3x3 kernel.

    Of the nine taps on doubled pixels some fall on the same source pixel; which ones depends on
    whether the row and the column are odd or even. Added up beforehand they are a 2x2 kernel for
    each of the four cases, at the source's size: 16 products in place of 36. The border that
    mirrors doubled pixels repeats those of the source.
    """

    def forward(self, x: Tensor) -> Tensor:
        """`(N, C, H, W)` to `(N, C', 2 H, 2 W)`."""
        rows = _odd_and_even(self.conv2d.weight, 2)
        kernels = torch.stack([part for row in rows for part in _odd_and_even(row, 3)])
        bordered = F.pad(x, self.border, mode="replicate")
        # Squares begin at odd pixels, one before the first.
        return _unfolded(bordered, kernels, self.conv2d.bias, 1, 2)[..., 1:-1, 1:-1]


class TiledConv(ReflectedConv):
    """A convolution to few channels that computes tiles of 4x4 pixels as if they were channels.

    Three output channels leave most of a vector register or a matrix unit empty; the 48 of a tile
    fill them. The kernel stands in the larger one of a tile once for each place; size a multiple
    of 4.
    """

    _TILE: Final = 4

    def forward(self, x: Tensor) -> Tensor:
        """`(N, C, H, W)` to `(N, C', H, W)`."""
        bordered = F.pad(x, self.border, mode="reflect")
        return _unfolded(bordered, self._kernels(), self.conv2d.bias, self._TILE, self._TILE)

    def _kernels(self) -> Tensor:
        places, last = range(self._TILE), self._TILE - 1
        shifts = [(right, last - right, down, last - down) for down in places for right in places]
        return torch.stack([F.pad(self.conv2d.weight, shift) for shift in shifts])


def _unfolded(x: Tensor, kernels: Tensor, bias: Tensor | None, stride: int, factor: int) -> Tensor:
    """Convolve by `(factor^2, C', C, h, w)` kernels, each the one for its pixel of a square.

    What `F.pixel_shuffle` does, but with the channels of a pixel side by side, which it leaves
    `factor^2` apart: three times as fast on a CPU.
    """
    assert bias is not None
    squares = F.conv2d(x, kernels.flatten(0, 1), bias.repeat(factor**2), stride)
    batch, _, height, width = squares.shape
    pixels = squares.permute(0, 2, 3, 1).reshape(batch, height, width, factor, factor, -1)
    rows = pixels.transpose(2, 3).reshape(batch, height * factor, width * factor, -1)
    return rows.permute(0, 3, 1, 2)


def _odd_and_even(kernel: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """What three taps on doubled pixels are on the source's: those that begin at odd, at even."""
    before, here, after = kernel.unbind(dim)
    return torch.stack((before + here, after), dim), torch.stack((before, here + after), dim)
