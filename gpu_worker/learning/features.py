"""Features of texture, learnt from pictures by themselves: no labels, no pretrained weights.

A small network learns to tell from which picture a crop was cut. Colours are jittered away, so it
must look at strokes, grain and shapes; the Gram matrices of its layers then describe a brushwork.
The weights beside this file were learnt from the paintings of the shipped styles and from photos:

    python -m gpu_worker.learning.features FOLDER... --steps 3000
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file  # pyright: ignore[reportUnknownVariableType]
from torch import Generator, Tensor, nn
from tqdm import trange

from gpu_worker.learning.content import read_content
from gpu_worker.learning.pictures import random_crops
from gpu_worker.networks import place

TAPS = (0, 1, 3, 5)

_SHIPPED = Path(__file__).with_name("features.safetensors")
_CHANNELS = 64
_CROP = 56
_BATCH = 48


class FeatureNet(nn.Module):
    """Six convolutions."""

    def __init__(self) -> None:
        """Build with random weights."""
        super().__init__()
        self.layers = nn.ModuleList(
            [
                _layer(3, 24, kernel=5),
                _layer(24, 32, stride=2),
                _layer(32, 48),
                _layer(48, _CHANNELS, stride=2),
                _layer(_CHANNELS, _CHANNELS),
                _layer(_CHANNELS, _CHANNELS, stride=2),
            ]
        )

    @staticmethod
    def shipped(device: torch.device) -> "FeatureNet":
        """The features that come with the project, frozen."""
        network = FeatureNet()
        network.load_state_dict(load_file(_SHIPPED))
        return place(network.eval().requires_grad_(requires_grad=False), device)

    def taps(self, rgb: Tensor) -> list[Tensor]:
        """Features `(N, C, H', W')` after the layers in `TAPS`, of RGB in [0, 1]."""
        x = rgb * 4 - 2
        taps: list[Tensor] = []
        for number, layer in enumerate(self.layers):
            x = layer(x)
            if number in TAPS:
                taps.append(x)
        return taps


def _layer(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.LeakyReLU(0.1),
    )


class Namer(nn.Module):
    """Names the picture that a crop was cut from, by the means of its last features."""

    def __init__(self, pictures: int) -> None:
        """Build with random weights for so many pictures."""
        super().__init__()
        self.features = FeatureNet()
        self.head = nn.Linear(_CHANNELS, pictures)

    def forward(self, rgb: Tensor) -> Tensor:
        """Scores `(N, pictures)` for crops `(N, 3, H, W)`."""
        return self.head(self.features.taps(rgb)[-1].mean(dim=(2, 3)))


def learn_features(
    pictures: Sequence[Tensor], steps: int, generator: Generator, device: torch.device
) -> Namer:
    """Train a `Namer` on crops of the pictures; the result is frozen."""
    network = place(Namer(len(pictures)), device)
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps + 1)
    for _ in (bar := trange(steps, desc="features", unit="step")):
        crops, labels = _labelled_crops(pictures, generator)
        loss = F.cross_entropy(network(crops.to(device)), labels.to(device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        bar.set_postfix(loss=f"{loss.item():.2f}")
    return network.eval().requires_grad_(requires_grad=False)


def _labelled_crops(pictures: Sequence[Tensor], generator: Generator) -> tuple[Tensor, Tensor]:
    labels = torch.randint(len(pictures), (_BATCH,), generator=generator)
    chosen = [pictures[int(label)] for label in labels]
    crops = torch.cat([random_crops([one], 1, _CROP, generator) for one in chosen])
    return _jitter_colours(crops, generator), labels


def _jitter_colours(crops: Tensor, generator: Generator) -> Tensor:
    """Scale and shift each channel of each crop at random; a third of the crops turn grey."""
    count = len(crops)
    grey = crops.mean(dim=1, keepdim=True)
    is_grey = torch.rand(count, 1, 1, 1, generator=generator) < 1 / 3
    gain = 0.6 + 0.8 * torch.rand(count, 3, 1, 1, generator=generator)
    shift = 0.3 * (torch.rand(count, 3, 1, 1, generator=generator) - 0.5)
    return (torch.where(is_grey, grey, crops) * gain + shift).clamp(0, 1)


def main(arguments: Sequence[str] | None = None) -> None:
    """Learn the features that come with the project again."""
    parser = argparse.ArgumentParser(prog="python -m gpu_worker.learning.features")
    parser.add_argument("pictures", type=Path, nargs="+", help="pictures, or folders of them")
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=_SHIPPED)
    options = parser.parse_args(arguments)
    torch.manual_seed(options.seed)
    pictures, generator = read_content(options.pictures).pictures, Generator()
    generator.manual_seed(options.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    learnt = learn_features(pictures, options.steps, generator, device).features.cpu()
    save_file(
        {key: weight.contiguous() for key, weight in learnt.state_dict().items()}, options.out
    )


if __name__ == "__main__":
    main()
