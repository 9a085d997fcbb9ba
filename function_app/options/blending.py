"""What an uploader may say about the painting, as metadata of the uploaded video.

The headers `x-ms-meta-strength` and `x-ms-meta-preserve_colour` of the upload become the blob's
metadata. Metadata belongs to the version of a blob: to change it is to make another ETag.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from function_app.errors import Code, InputError
from gpu_worker.plan import Blend

STRENGTH = "strength"
PRESERVE_COLOUR = "preserve_colour"

_FLAGS = {"true": True, "1": True, "false": False, "0": False}


def blend_of(metadata: Mapping[str, str]) -> Blend:
    """Read how to blend from a video's metadata; what is not there has its default.

    Args:
        metadata: of the blob; names mean the same in upper and lower case.

    Raises:
        InputError: a value that cannot be used; the sentence names it.
    """
    said = {name.lower(): value.strip() for name, value in metadata.items()}
    usual = Blend()
    return Blend(
        _strength(said[STRENGTH]) if STRENGTH in said else usual.strength,
        _flag(said[PRESERVE_COLOUR]) if PRESERVE_COLOUR in said else usual.preserve_colour,
    )


def metadata_of(blend: Blend) -> dict[str, str]:
    """Return the metadata that says how to blend; empty for the default."""
    usual = Blend()
    said: dict[str, str] = {}
    if blend.strength != usual.strength:
        said[STRENGTH] = str(blend.strength)
    if blend.preserve_colour != usual.preserve_colour:
        said[PRESERVE_COLOUR] = str(blend.preserve_colour).lower()
    return said


def _strength(text: str) -> float:
    try:
        strength = float(text)
    except ValueError:
        strength = math.nan
    if not 0 <= strength <= 1:
        raise InputError(
            f"the strength {text!r} is not a number from 0 to 1: upload the video again with one",
            Code.BAD_OPTION,
        )
    return strength


def _flag(text: str) -> bool:
    try:
        return _FLAGS[text.lower()]
    except KeyError as error:
        raise InputError(
            f"preserve_colour is {text!r}, neither true nor false: upload the video again with one",
            Code.BAD_OPTION,
        ) from error
