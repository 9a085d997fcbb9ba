"""Make a style of a checkpoint: `python -m gpu_worker.convert --checkpoint FILE --out STYLE`.

Takes the checkpoints of pytorch/examples `fast_neural_style` (`.pth`), and styles, whose metadata
it brings up to date. The file is read as numbers: code that a pickle holds is never run.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from gpu_worker.errors import WorkerError
from gpu_worker.failure import reported
from gpu_worker.styles.model import load_style, save_style

log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status, 1 where the checkpoint cannot be used."""
    logging.basicConfig(format="%(message)s", level=logging.INFO)
    options = _parse(arguments)
    try:
        with reported(options.report):
            convert(options.checkpoint, options.out)
    except WorkerError as error:
        log.error("%s", error)
        return 1
    log.info("%s", options.out)
    return 0


def convert(checkpoint: Path, out: Path) -> None:
    """Write the network of a checkpoint as a style.

    Raises:
        StyleError: the checkpoint is none, is damaged, or holds more than the weights of a network.
    """
    style = load_style(checkpoint)
    save_style(out, style.network, style.metadata)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m gpu_worker.convert", description=__doc__)
    add = parser.add_argument
    add("--checkpoint", type=Path, required=True, help="a .pth file, or a style")
    add("--out", type=Path, required=True, help="the style to write (.safetensors)")
    add("--report", type=Path, help="folder for a note on why it failed")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
