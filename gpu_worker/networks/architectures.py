"""The networks that paint: RGB pictures in, RGB pictures of the same size out."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gpu_worker.networks.canvas import ORIGINS, Canvas, Origin, blurred
from gpu_worker.networks.layers import (
    InstanceNorm,
    InstanceResidual,
    ReflectedConv,
    TiledConv,
    UpsampledConv,
)

MINIMUM_SIDE = 16

_FLAT_WIDTH = 9  # pixels of the size that is painted
_FLAT = 0.06  # standard deviation of which half is evened out
_FLOP_PROBE_SIZE = (360, 640)


@dataclass(frozen=True, slots=True)
class Architecture:
    """What it takes to build a network before its weights are filled in.

    Attributes:
        name: a key of `NETWORKS`.
        width: channels of the first layer; deeper layers are multiples of it.
        blocks: residual blocks in the middle; of `StyleNet`, on each of two levels.
    """

    name: str
    width: int = 0
    blocks: int = 0


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


class Residual(nn.Module):
    """Two 3x3 convolutions added to what came in; no norm (Zhang et al. 2019, "Fixup").

    Instance norm divides by statistics of the whole frame, so whatever enters the picture changes
    the colours everywhere. Without any norm it takes a small second convolution to start with.
    """

    _START: Final = 0.25

    def __init__(self, channels: int) -> None:
        """Keep the number of channels and the size."""
        super().__init__()
        self.conv1 = _conv(channels, channels)
        self.conv2 = _conv(channels, channels)
        with torch.no_grad():
            self.conv2.weight.mul_(self._START)

    def forward(self, x: Tensor) -> Tensor:
        """`(N, C, H, W)` to the same shape."""
        return self.conv2(F.relu(self.conv1(x), inplace=True)).add_(x)


class StyleNet(Network):
    """The project's own network: adds to a frame what makes it the painting.

    It begins as the frame with its texture evened out, the last layer being zero: learning starts
    at a ground to paint on. Two levels of residual blocks, at a quarter and an eighth of the size,
    have the reach of a stroke.

    Strokes have their size relative to the painting. So a larger picture is painted at a short side
    of `SIDE`, and raised to its size, sharpened, for large strokes are as crisp as small ones. What
    it shows that is finer is kept along edges; fainter than that it is grain, of which a painting
    has none.
    """

    SIDE: Final = 288
    _SOFT: Final = 1.25
    """Times that a picture is raised without getting soft."""
    _CRISP: Final = 0.8
    """How much it is sharpened for each time more."""
    _GRAIN: Final = 0.16
    """Of what is finer than painted, root mean square of the colours: half of so much is kept."""
    _FOLD: Final = Canvas.PIXEL
    _MULTIPLE: Final = 8

    def __init__(self, architecture: Architecture) -> None:
        """Build with random weights, but for the last layer."""
        super().__init__(architecture)
        half, quarter, eighth = (architecture.width * times for times in (1, 2, 3))
        folded = 3 * self._FOLD**2
        self.canvas = Canvas()
        self.enter = _conv(folded + Canvas.CHANNELS, half)
        self.down = _conv(half, quarter, stride=2)
        self.down_again = _conv(quarter, eighth, stride=2)
        self.coarse = nn.Sequential(*(Residual(eighth) for _ in range(architecture.blocks)))
        self.rise = nn.Conv2d(eighth, quarter, 1)
        self.fine = nn.Sequential(*(Residual(quarter) for _ in range(architecture.blocks)))
        self.rise_again = nn.Conv2d(quarter, half, 1)
        self.finish = _conv(half, half)
        self.leave = _conv(half, folded)
        nn.init.zeros_(self.leave.weight)

    def forward(self, rgb: Tensor) -> Tensor:
        """Paint `(N, 3, H, W)` RGB in [0, 1]; the same shape and range come back."""
        return (rgb + self.change(rgb)).clamp(0, 1)

    def change(self, rgb: Tensor, origins: Sequence[Origin] = ORIGINS) -> Tensor:
        """Return what painting adds to each pixel, `(N, 3, H, W)`; the sum may leave [0, 1].

        Args:
            rgb: the frames.
            origins: where on the canvas each frame begins, or all if it is one.
        """
        size = rgb.shape[-2:]
        if min(size) <= self.SIDE:
            return self._change(rgb, origins)
        small = [round(side * self.SIDE / min(size)) for side in size]
        shrunk = F.interpolate(rgb.float(), small, mode="bilinear", antialias=True)
        painted = shrunk + self._change(shrunk.to(rgb.dtype), origins)
        sharp = self._sharpened(painted, min(size) / self.SIDE)
        raised = F.interpolate(sharp, size, mode="bicubic")
        shown = F.interpolate(shrunk, size, mode="bilinear")
        return (raised - shown - self._grain(rgb - shown)).to(rgb.dtype)

    def take_less_canvas(self, share: float, thin: float) -> None:
        """Paint as if the canvas had less of its strength from now on.

        Args:
            share: of all of it that is left.
            thin: of its thin strokes that is left of that.
        """
        with torch.no_grad():
            canvas = self.enter.weight[:, -Canvas.CHANNELS :]
            canvas *= share
            canvas[:, Canvas.THIN] *= thin

    def _sharpened(self, painted: Tensor, times: float) -> Tensor:
        """Make edges of `(N, 3, h, w)` as crisp as they are to be when it is raised so many times.

        By an unsharp mask that is held between the darkest and the lightest pixel around, so that
        there are no halos: what a shock filter does (Osher & Rudin 1990).
        """
        amount = self._CRISP * (times - self._SOFT)
        if amount <= 0:
            return painted
        darkest, lightest = -F.max_pool2d(-painted, 3, 1, 1), F.max_pool2d(painted, 3, 1, 1)
        sharp = painted + amount * (painted - blurred(painted, 3))
        return sharp.clamp(darkest, lightest)

    def _grain(self, finer: Tensor) -> Tensor:
        """Of details `(N, 3, H, W)` that are finer than is painted, what is too faint to keep."""
        strength = finer.square().mean(1, keepdim=True)
        return finer * (self._GRAIN**2 / (strength + self._GRAIN**2))

    def _change(self, rgb: Tensor, origins: Sequence[Origin]) -> Tensor:
        height, width = rgb.shape[-2:]
        half = F.relu(self.enter(self._on_canvas(_padded(rgb, self._MULTIPLE), origins)))
        quarter = F.relu(self.down(half))
        coarse = self.rise(self.coarse(F.relu(self.down_again(quarter))))
        fine = self.rise_again(self.fine(_doubled(coarse) + quarter))
        painted = F.relu(self.finish(F.relu(_doubled(fine) + half)))
        strokes = self._unfolded(self.leave(painted))[..., :height, :width]
        return strokes + (_flattened(rgb) - rgb)

    def _on_canvas(self, rgb: Tensor, origins: Sequence[Origin]) -> Tensor:
        """Fold pixels into channels, from -1 to 1, and put the canvas below them."""
        folded = F.pixel_unshuffle(rgb, self._FOLD)
        small = folded.view(len(rgb), 3, -1, *folded.shape[2:]).mean(2)
        ground = self.canvas(small, origins).to(rgb.dtype)
        joined = torch.cat((2 * folded - 1, ground), 1)
        return joined.contiguous(memory_format=torch.channels_last)

    def _unfolded(self, squares: Tensor) -> Tensor:
        """Unfold channels to pixels; a blur takes away what differs between odd and even ones.

        That is the grid of sub-pixel convolutions (Aitken et al. 2017), and nothing else that an
        eye would miss: the frame itself, to which this is added, is not blurred.
        """
        # Reflected: beside an even pixel an odd one, at the edge as well, or a line would be there.
        pixels = F.pad(F.pixel_shuffle(squares, self._FOLD), (1, 1, 1, 1), mode="reflect")
        for dim in (2, 3):
            before, here, after = (
                pixels.narrow(dim, first, pixels.shape[dim] - 2) for first in range(3)
            )
            pixels = (before + 2 * here + after) / 4
        return pixels


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
    """Count the floating point operations that one pixel of a black picture of 640x360 costs.

    Those that are done on the device of its weights: some need fewer than others.
    """
    probe = torch.zeros(1, 3, *_FLOP_PROBE_SIZE)
    # It imports Triton, which every rank would wait for.
    from torch.utils.flop_counter import FlopCounterMode

    counter = FlopCounterMode(display=False)
    parameter = next(network.parameters(), probe)
    with counter, torch.no_grad():
        network(probe.to(parameter.device, parameter.dtype))
    return counter.get_total_flops() / math.prod(_FLOP_PROBE_SIZE)


def _conv(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    """A 3x3 convolution with weights for what a ReLU leaves (He et al. 2015) and no shift."""
    convolution = nn.Conv2d(inputs, outputs, 3, stride, 1, padding_mode="replicate")
    # What a file will fill has no memory yet; to draw it would import PyTorch's compiler.
    if not convolution.weight.is_meta:
        nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
        nn.init.zeros_(convolution.bias)  # pyright: ignore[reportArgumentType]
    return convolution


def _flattened(rgb: Tensor) -> Tensor:
    """Even out texture and keep edges: a guided filter (He et al. 2010), the picture its own guide.

    `(N, 3, H, W)` to the same; of faint changes the channels keep one share.
    """
    exact = rgb.float()
    mean = blurred(exact, _FLAT_WIDTH)
    variance = (blurred(exact.square(), _FLAT_WIDTH) - mean.square()).mean(1, keepdim=True).relu()
    kept = variance / (variance + _FLAT**2)
    slope, level = blurred(torch.cat((kept, (1 - kept) * mean), 1), _FLAT_WIDTH).split_with_sizes(
        [1, 3], 1
    )
    return (slope * exact + level).to(rgb.dtype)


def _doubled(x: Tensor) -> Tensor:
    # Bilinear, not transposed convolution: no checkerboard (Odena et al. 2016).
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def _padded(rgb: Tensor, multiple: int) -> Tensor:
    """Repeat the last row and column until both sides are multiples of a number."""
    height, width = rgb.shape[-2:]
    padding = (0, -width % multiple, 0, -height % multiple)
    return F.pad(rgb, padding, mode="replicate") if any(padding) else rgb
