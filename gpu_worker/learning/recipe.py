"""The recipe of a style: all that decides what is learnt, beside the pictures."""

from dataclasses import dataclass, field
from typing import Any


def _said[Number: (int, float)](default: Number, minimum: int, says: str) -> Number:
    """Declare a field with what the command line says of it and the least it may be."""
    described: dict[str, Any] = {"help": says, "minimum": minimum}
    return field(default=default, metadata=described)


@dataclass(frozen=True, slots=True)
class Recipe:
    """Budget, seed, sizes and weights of losses; kept in the style's metadata.

    Each field says what it is in its metadata, which is also the help of its option. A run that is
    bounded by steps repeats on one machine, but for the rounding of sums that its threads share.
    """

    steps: int = _said(0, 0, "optimiser steps at most; 0 for no bound")
    minutes: float = _said(10.0, 0, "minutes at work at most, over all resumed runs; 0: no bound")
    seed: int = _said(0, 0, "seed of every random number")
    size: int = _said(192, 64, "side of the square crops in pixels")
    batch: int = _said(2, 2, "crops a step, half photos and half frames")
    painting_side: int = _said(256, 64, "shorter side of the painting: the scale of its strokes")
    learning_rate: float = _said(1.2e-3, 0, "at its height")
    average: float = _said(0.995, 0, "decay of the running mean of weights, which is saved")
    content_weight: float = _said(0.5, 0, "weight: content as VGG-16 sees it")
    style_weight: float = _said(230.0, 0, "weight: style as VGG-16 sees it")
    palette_weight: float = _said(300.0, 0, "weight: how much there is of each colour")
    stranger_weight: float = _said(1200.0, 0, "weight: colours that the painting does not have")
    light_weight: float = _said(60.0, 0, "weight: where it is light and where it is dark")
    tone_weight: float = _said(1600.0, 0, "weight: how light and how dark, as the painting is")
    stroke_weight: float = _said(20.0, 0, "weight: change along strokes in place of across them")
    evenness_weight: float = _said(40.0, 0, "weight: strokes of uneven strength in what is flat")
    range_weight: float = _said(10.0, 0, "weight: what is too bright or too dark to show")
    equivariance: float = _said(1.8, 0, "weight: shifts, noise and brightness")
    frame_difference: float = _said(3.5, 0, "weight: change from frame to frame")
