"""The file that a style is kept in: a network and where it comes from.

A style is one self-describing `.safetensors` file: the weights of a feed-forward network and, as
metadata strings, all that is needed to build the network again and to know where it came from:

    format_version   "3"; a file with a higher one is refused. Up to "2" `StyleNet` was another
    architecture     JSON of `Architecture`
    flop_per_pixel   floating point operations to paint one pixel (multiply and add count as two)
    thumbnail        a landscape as the network paints it, JPEG in base64
    picture          the painting, small, JPEG in base64; of styles that were learnt from one
    painting, licence, recipe (JSON), ...   as the learner wrote them

Checkpoints of pytorch/examples `fast_neural_style` (`.pth`) load as well, weights only.
"""

import json
import pickle
import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import (
    load_file,  # pyright: ignore[reportUnknownVariableType]
    save,
)
from torch import Tensor

from gpu_worker.errors import InputError
from gpu_worker.files import write_whole
from gpu_worker.networks.architectures import (
    NETWORKS,
    Architecture,
    Identity,
    Network,
    StyleNet,
    TransformerNet,
    build,
    flop_per_pixel,
    place,
)
from gpu_worker.styles.thumbnail import thumbnail

FORMAT_VERSION = 3
_STYLE_NET_SINCE = 3
WIDTH_MAX = 256
BLOCKS_MAX = 32


class StyleError(InputError):
    """The style file cannot be used; the sentence says why and what to do."""

    code = "unusable-style"


_CHECKPOINTS = {".pth", ".model"}
"""Endings that pytorch/examples gives its checkpoints."""
_FIRST = "conv1.conv2d.weight"
"""What they call the weights of the first layer."""

_ALONE = "; write these alone, by torch.save(model.state_dict(), FILE), and upload that"
_MORE = f"holds more than the weights of a network{_ALONE}"


@dataclass(frozen=True, slots=True)
class Style:
    """A network ready to paint, and the metadata strings of the file it came from."""

    network: Network
    metadata: Mapping[str, str]


def save_style(path: Path, network: Network, metadata: Mapping[str, str]) -> None:
    """Write the network as a style; a reader sees the old file or the new one, never a part.

    Args:
        path: the `.safetensors` file.
        network: any of `NETWORKS`; saved in its own precision.
        metadata: strings of the learner's choice (painting, licence, recipe, ...).
    """
    described = dict(metadata) | {
        "format_version": str(FORMAT_VERSION),
        "architecture": json.dumps(asdict(network.architecture)),
        # On no device, lest it be what this one need not do.
        "flop_per_pixel": f"{flop_per_pixel(deepcopy(network).to('meta')):.1f}",
        "thumbnail": thumbnail(network),
    }
    weights = {key: value.cpu().contiguous() for key, value in network.state_dict().items()}
    write_whole(path, save(weights, described))


def load_style(path: Path, device: torch.device | str = "cpu") -> Style:
    """Read a style, ready to paint on `device`: float32, channels-last, in evaluation mode.

    Raises:
        StyleError: the file is missing, damaged, of a newer version, or not a style.
    """
    with _naming(path):
        read = _read_checkpoint if path.suffix.lower() in _CHECKPOINTS else _read_safetensors
        weights, metadata = read(path)
        network = _build_filled(_architecture(metadata), weights)
    network.eval().requires_grad_(requires_grad=False)
    return Style(place(network, device), metadata)


def read_style(path: Path) -> tuple[Mapping[str, Tensor], Mapping[str, str]]:
    """Read what a style file holds, whatever it is for: weights and metadata.

    Raises:
        StyleError: the file is missing, damaged, or of a newer version.
    """
    with _naming(path):
        return _read_safetensors(path)


@contextmanager
def _naming(path: Path) -> Generator[None]:
    """Say of which file an error speaks."""
    try:
        yield
    except FileNotFoundError as error:
        raise StyleError(f"There is no style file {path.name}.") from error
    except StyleError as error:
        raise StyleError(f"The style {path.name} cannot be used: {error}.") from error


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        weights = load_file(path)
        metadata = _read_metadata(path)
    except SafetensorError as error:
        raise StyleError("it is damaged or not a .safetensors file; upload it again") from error
    _check_version(metadata)
    return weights, metadata


def _read_metadata(path: Path) -> dict[str, str]:
    with safe_open(path, framework="pt") as file:  # pyright: ignore[reportUnknownVariableType]
        return cast("dict[str, str]", file.metadata() or {})


def _check_version(metadata: Mapping[str, str]) -> None:
    version = metadata.get("format_version", "")
    if not version.isdecimal():
        raise StyleError("it holds weights but is not a style; learn one with gpu_worker.learn")
    if int(version) > FORMAT_VERSION:
        raise StyleError(
            f"it has format version {version}, this program reads up to {FORMAT_VERSION}; "
            "update the program"
        )


def _read_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        loaded: object = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, LookupError) as error:
        raise StyleError(f"it is damaged, or {_MORE}") from error
    if not isinstance(loaded, dict):
        raise StyleError(f"it does not hold the weights of a network by name{_ALONE}")
    weights = _weights_in(cast("dict[object, object]", loaded))
    # Checkpoints older than PyTorch 0.4 carry statistics that instance norm never uses.
    kept = {k: v for k, v in weights.items() if not re.search(r"\.running_(mean|var)$", k)}
    architecture = Architecture(TransformerNet.__name__, *_checkpoint_size(kept))
    return kept, {"architecture": json.dumps(asdict(architecture)), "painting": path.stem}


def _weights_in(loaded: dict[object, object]) -> dict[str, Tensor]:
    """Find the weights by the names that the network itself has for them.

    Training scripts keep them beside an epoch or an optimizer, under names of their own; what wraps
    a network, to train it on several GPUs or to compile it, puts its name before each.
    """
    inner = (
        cast("dict[object, object]", each) for each in loaded.values() if isinstance(each, dict)
    )
    named = next((each for each in (loaded, *inner) if _first_names(each)), loaded)
    if not all(isinstance(key, str) and isinstance(item, Tensor) for key, item in named.items()):
        raise StyleError(f"it {_MORE}")
    prefix = min(_first_names(named), key=len, default="").removesuffix(_FIRST)
    weights = cast("dict[str, Tensor]", named)
    return {key.removeprefix(prefix): item for key, item in weights.items()}


def _first_names(named: Mapping[object, object]) -> list[str]:
    """Return the names that may be that of the first layer's weights."""
    return [key for key in named if isinstance(key, str) and key.endswith(_FIRST)]


def _checkpoint_size(weights: Mapping[str, Tensor]) -> tuple[int, int]:
    """Tell width and number of blocks of a TransformerNet from its weights."""
    first = weights.get(_FIRST)
    if first is None or first.ndim == 0:
        raise StyleError(
            "it is not a checkpoint of pytorch/examples fast_neural_style, and no other network's "
            "is taken; learn the painting itself"
        )
    blocks = {key.split(".")[0] for key in weights if re.match(r"res\d+\.", key)}
    return first.shape[0], len(blocks)


def _architecture(metadata: Mapping[str, str]) -> Architecture:
    try:
        architecture = Architecture(**_described(metadata))
    except (KeyError, TypeError, ValueError) as error:
        raise StyleError("its metadata does not describe a network") from error
    _check_architecture(architecture.name, architecture.width, architecture.blocks)
    return architecture


def _described(metadata: Mapping[str, str]) -> dict[str, Any]:
    described: dict[str, Any] = json.loads(metadata["architecture"])
    version = int(metadata.get("format_version", FORMAT_VERSION))
    if version < _STYLE_NET_SINCE and described["name"] == StyleNet.__name__:
        raise StyleError("it was learnt by an older program; learn it from its painting again")
    if version > 1:
        return described
    # Variants of the old network, that no other knew.
    return {key: value for key, value in described.items() if key not in ("fold", "depthwise")}


def _check_architecture(name: object, width: object, blocks: object) -> None:
    if name not in list(NETWORKS):
        known = ", ".join(NETWORKS)
        raise StyleError(f"it needs the network {name!r}, this program has {known}")
    if not (isinstance(width, int) and (name == Identity.__name__ or 1 <= width <= WIDTH_MAX)):
        raise StyleError(f"its width {width!r} is not a number from 1 to {WIDTH_MAX}")
    if not (isinstance(blocks, int) and 0 <= blocks <= BLOCKS_MAX):
        raise StyleError(f"its blocks {blocks!r} are not a number from 0 to {BLOCKS_MAX}")


def _build_filled(architecture: Architecture, weights: Mapping[str, Tensor]) -> Network:
    # Without memory until the weights are known to fit: the file may claim any size.
    with torch.device("meta"):
        network = build(architecture)
    if not all(_is_plain(weight) for weight in weights.values()):
        raise StyleError("its weights are not plain floating point numbers")
    try:
        network.load_state_dict(dict(weights), assign=True)
    except RuntimeError as error:
        raise StyleError("its weights do not fit the network it names") from error
    if not all(torch.isfinite(weight).all() for weight in weights.values()):
        raise StyleError("its weights hold values that are not finite; learn it again")
    return network.float()


def _is_plain(weight: Tensor) -> bool:
    """Whether a tensor is numbers in memory: not sparse, quantised, complex, or without content."""
    return weight.is_floating_point() and weight.layout == torch.strided and not weight.is_meta
