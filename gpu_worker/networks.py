"""The networks that paint: RGB pictures in, RGB pictures of the same size out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gpu_worker import winograd

MINIMUM_SIDE = 16

_FLOP_PROBE_SIDE = 64


@dataclass(frozen=True, slots=True)
class Architecture:
    """What it takes to build a network before its weights are filled in.

    Attributes:
        name: a key of `NETWORKS`.
        width: channels of the first layer; deeper layers are multiples of it.
        blocks: residual blocks in the middle.
        fold: side of the squares of pixels that `StyleNet` folds into channels, 2 or 4.
        depthwise: the residual blocks of `StyleNet` are depthwise separable.
    """

    name: str
    width: int = 0
    blocks: int = 0
    fold: int = 2
    depthwise: bool = False


class Network(nn.Module):
    """What every style holds: `(N, 3, H, W)` RGB in [0, 1] in, the same out, both of its dtype.

    H and W may be any numbers from `MINIMUM_SIDE` up. No frame depends on another in its batch.
    """

    def __init__(self, architecture: Architecture) -> None:
        """Remember the architecture, so that the network can be saved."""
        super().__init__()
        self.architecture = architecture

    @property
    def dtype(self) -> torch.dtype:
        """The number format of the weights; float32 where there are none."""
        return next((weight.dtype for weight in self.parameters()), torch.float32)


class Identity(Network):
    """Returns its input: with it the pipeline around the networks can be judged."""

    def forward(self, rgb: Tensor) -> Tensor:
        """Return `rgb` as it is."""
        return rgb


class PixelNorm(nn.Module):
    """Layer normalisation over the channels of each pixel (as in ConvNeXt, Liu et al. 2022).

    Instance norm divides by statistics of the whole frame, so whatever enters the picture changes
    the colours everywhere; these statistics are a pixel's own.
    """

    def __init__(self, channels: int) -> None:
        """Start as plain normalisation, without scale or shift."""
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise `(N, C, H, W)` over C; channels-last input stays channels-last, uncopied."""
        last = x.permute(0, 2, 3, 1)
        # The large epsilon keeps flat, dark regions from having their noise blown up.
        normed = F.layer_norm(last, last.shape[-1:], self.weight, self.bias, eps=1e-3)
        return normed.permute(0, 3, 1, 2)


class PixelResidual(nn.Module):
    """Two 3x3 convolutions, each normalised per pixel, added to what came in."""

    def __init__(self, channels: int, depthwise: bool) -> None:
        """Keep the number of channels and the size."""
        super().__init__()
        convolution = _separable if depthwise else _conv
        self.conv1 = convolution(channels, channels, 3)
        self.norm1 = PixelNorm(channels)
        self.conv2 = convolution(channels, channels, 3)
        self.norm2 = PixelNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        """`(N, C, H, W)` to the same shape."""
        y = F.relu(self.norm1(self.conv1(x)), inplace=True)
        return self.norm2(self.conv2(y)).add_(x)


class StyleNet(Network):
    """The project's own network: a small U of two levels, its work done on a small picture.

    The picture is folded into channels, halved once more, painted by residual blocks, and unfolded
    again, with one skip connection that keeps edges where they were.
    """

    def __init__(self, architecture: Architecture) -> None:
        """Build with random weights."""
        super().__init__(architecture)
        width, depthwise = architecture.width, architecture.depthwise
        self.fold = architecture.fold
        folded = 3 * self.fold**2
        self.enter = _conv(folded, width, 5)
        self.enter_norm = PixelNorm(width)
        self.down = _conv(width, 2 * width, 3, stride=2)
        self.down_norm = PixelNorm(2 * width)
        blocks = (PixelResidual(2 * width, depthwise) for _ in range(architecture.blocks))
        self.blocks = nn.Sequential(*blocks)
        self.up = nn.Conv2d(2 * width, width, 1)
        self.up_norm = PixelNorm(width)
        self.leave = _conv(width, folded, 5)

    def forward(self, rgb: Tensor) -> Tensor:
        """Paint `(N, 3, H, W)` RGB in [0, 1]; the same shape and range come back."""
        height, width = rgb.shape[-2:]
        folded = F.pixel_unshuffle(_padded(rgb, 2 * self.fold), self.fold)
        fine = self._enter(folded.contiguous(memory_format=torch.channels_last))
        painted = F.pixel_shuffle(self._leave(self._paint(fine), fine), self.fold)
        return painted.sigmoid()[..., :height, :width]

    def _enter(self, folded: Tensor) -> Tensor:
        return F.relu(self.enter_norm(self.enter(folded)), inplace=True)

    def _paint(self, fine: Tensor) -> Tensor:
        coarse = F.relu(self.down_norm(self.down(fine)), inplace=True)
        return self.up(self.blocks(coarse))

    def _leave(self, coarse: Tensor, fine: Tensor) -> Tensor:
        # Bilinear, not transposed convolution: no checkerboard (Odena et al. 2016).
        risen = F.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)
        return self.leave(F.relu(self.up_norm(risen + fine), inplace=True))


class TransformerNet(Network):
    """The network of pytorch/examples `fast_neural_style` (Johnson et al. 2016), key for key.

    Inside it works on 0..255, as it was trained; outside on [0, 1], like every network here.
    """

    def __init__(self, architecture: Architecture) -> None:
        """Build with random weights."""
        super().__init__(architecture)
        width = architecture.width
        self.conv1 = ReflectedConv(3, width, 9)
        self.in1 = InstanceNorm(width)
        self.conv2 = ReflectedConv(width, 2 * width, 3, stride=2)
        self.in2 = InstanceNorm(2 * width)
        self.conv3 = ReflectedConv(2 * width, 4 * width, 3, stride=2)
        self.in3 = InstanceNorm(4 * width)
        for number in range(1, architecture.blocks + 1):
            self.add_module(f"res{number}", InstanceResidual(4 * width))
        self.deconv1 = UpsampledConv(4 * width, 2 * width, 3)
        self.in4 = InstanceNorm(2 * width)
        self.deconv2 = UpsampledConv(2 * width, width, 3)
        self.in5 = InstanceNorm(width)
        self.deconv3 = TiledConv(width, 3, 9)

    def forward(self, rgb: Tensor) -> Tensor:
        """Paint `(N, 3, H, W)` RGB in [0, 1]; the same shape and range come back."""
        height, width = rgb.shape[-2:]
        x = self._paint(_padded(rgb, 4) * 255)
        return (x / 255).clamp(0, 1)[..., :height, :width]

    def _paint(self, x: Tensor) -> Tensor:
        x = F.relu(self.in1(self.conv1(x)), inplace=True)
        x = F.relu(self.in2(self.conv2(x)), inplace=True)
        x = F.relu(self.in3(self.conv3(x)), inplace=True)
        for number in range(1, self.architecture.blocks + 1):
            x = self.get_submodule(f"res{number}")(x)
        x = F.relu(self.in4(self.deconv1(x)), inplace=True)
        x = F.relu(self.in5(self.deconv2(x)), inplace=True)
        return self.deconv3(x)


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


NETWORKS: Mapping[str, type[Network]] = {
    network.__name__: network for network in (StyleNet, TransformerNet, Identity)
}


def build(architecture: Architecture) -> Network:
    """Build a network with random weights.

    Raises:
        KeyError: `NETWORKS` has none of that name.
    """
    return NETWORKS[architecture.name](architecture)


def place[Module: nn.Module](module: Module, device: torch.device | str) -> Module:
    """Bring a module to the device, its weights channels-last: on CPUs many times as fast."""
    return module.to(device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue, reportUnknownVariableType]


def flop_per_pixel(network: Network) -> float:
    """Count the floating point operations that one pixel costs, on a small black picture.

    Those that are done on the device of its weights: some need fewer than others.
    """
    probe = torch.zeros(1, 3, _FLOP_PROBE_SIDE, _FLOP_PROBE_SIDE)
    # It imports Triton, which every rank would wait for.
    from torch.utils.flop_counter import FlopCounterMode

    counter = FlopCounterMode(display=False)
    parameter = next(network.parameters(), probe)
    with counter, torch.no_grad():
        network(probe.to(parameter.device, parameter.dtype))
    return counter.get_total_flops() / _FLOP_PROBE_SIDE**2


def _conv(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, padding_mode="replicate")


def _separable(inputs: int, outputs: int, kernel: int) -> nn.Sequential:
    """Convolve each channel by itself, then mix the channels of each pixel."""
    border = kernel // 2
    alone = nn.Conv2d(inputs, inputs, kernel, 1, border, groups=inputs, padding_mode="replicate")
    return nn.Sequential(alone, nn.Conv2d(inputs, outputs, 1))


def _padded(rgb: Tensor, multiple: int) -> Tensor:
    """Repeat the last row and column until both sides are multiples of a number."""
    height, width = rgb.shape[-2:]
    padding = (0, -width % multiple, 0, -height % multiple)
    return F.pad(rgb, padding, mode="replicate") if any(padding) else rgb
