"""The reference architecture's way of 2019, written anew: the thing to beat.

Frames become JPEG files; each rank takes an even share of them and paints file by file, batch 1,
float32, eager, to JPEG files again; x264 at CRF 20 makes a video of them; the sound, put aside at
the beginning, is joined in a last pass. The network is that of pytorch/examples, layer after layer
as it stands there.

    python -m benchmarks.baseline --video FILE --style FILE --out FILE [--ranks N]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from mpi4py import MPI
from PIL import Image
from torch import Tensor

from benchmarks.media import ffmpeg
from gpu_worker.styles.model import load_style

CRF = 20
RATE = 25
FRAMES = "%06d.jpg"


def plain(weights: Mapping[str, Tensor], rgb: Tensor) -> Tensor:
    """Paint `(N, 3, H, W)` RGB in [0, 1] by the weights of a TransformerNet; sides 4 n."""
    x = rgb * 255
    for number, stride in ((1, 1), (2, 2), (3, 2)):
        x = F.relu(_normed(weights, f"in{number}", _convolved(weights, f"conv{number}", x, stride)))
    for block in sorted({name.split(".")[0] for name in weights if name.startswith("res")}):
        y = F.relu(_normed(weights, f"{block}.in1", _convolved(weights, f"{block}.conv1", x)))
        x = x + _normed(weights, f"{block}.in2", _convolved(weights, f"{block}.conv2", y))
    for number in (1, 2):
        x = F.interpolate(x, scale_factor=2, mode="nearest")
        x = F.relu(_normed(weights, f"in{number + 3}", _convolved(weights, f"deconv{number}", x)))
    return (_convolved(weights, "deconv3", x) / 255).clamp(0, 1)


def paint_video(video: Path, style: Path, out: Path, ranks: int) -> None:
    """Go the whole way, from video to painted video."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        frames, painted = folder / "frames", folder / "painted"
        frames.mkdir()
        painted.mkdir()
        sound, silent = folder / "sound.aac", folder / "silent.mp4"
        ffmpeg("-i", video, frames / FRAMES)
        ffmpeg("-i", video, "-vn", "-c:a", "copy", sound)
        _paint_files(frames, painted, style, ranks)
        encoder = ("-c:v", "libx264", "-crf", str(CRF), "-pix_fmt", "yuv420p")
        ffmpeg("-framerate", str(RATE), "-i", painted / FRAMES, *encoder, silent)
        ffmpeg("-i", silent, "-i", sound, "-c", "copy", "-y", out)


def _paint_files(frames: Path, painted: Path, style: Path, ranks: int) -> None:
    launcher = Path(sys.executable).with_name("mpiexec")
    words = ("--frames", frames, "--painted", painted, "--style", style)
    command = [launcher, "-n", str(ranks), sys.executable, "-m", "benchmarks.baseline", *words]
    subprocess.run(list(map(str, command)), check=True)


def _paint_share(frames: Path, painted: Path, style: Path) -> None:
    """Paint this rank's share: every file whose number it is, by the number of ranks."""
    comm = MPI.COMM_WORLD
    torch.set_num_threads(max(1, len(os.sched_getaffinity(0)) // comm.size))
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    weights = {
        name: weight.to(device).contiguous()
        for name, weight in load_style(style).network.state_dict().items()
    }
    for file in sorted(frames.iterdir())[comm.rank :: comm.size]:
        _paint_file(file, painted / file.name, weights, device)


@torch.no_grad()
def _paint_file(
    source: Path, target: Path, weights: Mapping[str, Tensor], device: torch.device
) -> None:
    pixels = torch.as_tensor(np.array(Image.open(source)), device=device)
    rgb = pixels.permute(2, 0, 1)[None].float() / 255
    painted = plain(weights, rgb)[0].permute(1, 2, 0) * 255
    Image.fromarray(painted.byte().cpu().numpy()).save(target)


def _convolved(weights: Mapping[str, Tensor], name: str, x: Tensor, stride: int = 1) -> Tensor:
    kernel, bias = weights[f"{name}.conv2d.weight"], weights[f"{name}.conv2d.bias"]
    return F.conv2d(F.pad(x, (kernel.shape[-1] // 2,) * 4, mode="reflect"), kernel, bias, stride)


def _normed(weights: Mapping[str, Tensor], name: str, x: Tensor) -> Tensor:
    return F.instance_norm(x, weight=weights[f"{name}.weight"], bias=weights[f"{name}.bias"])


def main() -> None:
    """Paint a video; or, as one of the ranks that this starts, a share of its frames."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.baseline",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--style", type=Path, required=True)
    parser.add_argument("--video", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--frames", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--painted", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.frames:
        _paint_share(options.frames, options.painted, options.style)
    elif options.video and options.out:
        paint_video(options.video, options.style, options.out, options.ranks)
    else:
        parser.error("--video and --out are needed")


if __name__ == "__main__":
    main()
