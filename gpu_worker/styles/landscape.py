"""A landscape, drawn: what the thumbnail of every style shows, so that styles can be compared."""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

HEIGHT, WIDTH = 240, 360

_SEED = 7
_SHORE = 168  # the row where land meets the lake
_SUN = (0.33, 0.70, 17.0)  # down and across as shares of the picture, radius in pixels
_OCTAVES = 7
_FADE = 0.62
_RIDGES = (
    # Height at its middle, roughness, RGB; from the farthest to the nearest.
    (0.40, 0.16, (0.56, 0.58, 0.72)),
    (0.50, 0.16, (0.37, 0.45, 0.55)),
    (0.59, 0.11, (0.22, 0.38, 0.32)),
    (0.68, 0.05, (0.13, 0.25, 0.14)),
)


def landscape() -> Tensor:
    """Draw mountains before a low sun, and a lake: `(3, HEIGHT, WIDTH)` RGB in [0, 1]."""
    generator = Generator().manual_seed(_SEED)
    picture = _sky(generator)
    for middle, roughness, colour in _RIDGES:
        picture = _before(picture, middle, roughness, colour, generator)
    return _with_lake(picture, generator).clamp(0, 1)


def _sky(generator: Generator) -> Tensor:
    """From blue to a warm horizon, with clouds, and the sun in its glow."""
    down = torch.linspace(0, 1, HEIGHT)[:, None]
    above, below = _colour(0.23, 0.43, 0.75), _colour(1.0, 0.80, 0.55)
    sky = above.lerp(below, (down * 1.8).clamp(max=1).expand(HEIGHT, WIDTH))
    clouds = ((_noise(HEIGHT, WIDTH, generator, 2) - 0.5) * 3).clamp(0, 0.9)
    sky = sky.lerp(_colour(1.0, 0.93, 0.88).expand_as(sky), clouds)
    away = _distance_from_sun()
    light = (_SUN[2] - away + 0.5).clamp(0, 1) + 0.6 * torch.exp(-away / 40)
    return sky.lerp(_colour(1.0, 0.95, 0.75).expand_as(sky), light.clamp(max=1))


def _before(
    picture: Tensor, middle: float, roughness: float, rgb: tuple[float, ...], generator: Generator
) -> Tensor:
    """Put a ridge before what is there, lit and darkened by its own roughness."""
    crest = HEIGHT * (middle + 2 * roughness * (_noise(1, WIDTH, generator)[0] - 0.5))
    covers = (torch.arange(HEIGHT)[:, None] - crest + 0.5).clamp(0, 1)
    relief = 0.2 + 1.6 * _noise(HEIGHT, WIDTH, generator)
    return picture.lerp(_colour(*rgb) * relief, covers)


def _with_lake(picture: Tensor, generator: Generator) -> Tensor:
    """Mirror the land below its shore in a rippled, darker lake."""
    rows = torch.arange(HEIGHT - _SHORE)
    ripple = _noise((HEIGHT - _SHORE) * 2, WIDTH // 8, generator)[::2].repeat_interleave(8, 1)
    mirrored = _SHORE - 1 - rows[:, None] * 2 + (ripple - 0.5) * 60
    mirrored = mirrored.round().long().clamp(0, _SHORE - 1)
    lake = picture.gather(1, mirrored.expand(3, -1, -1))
    return torch.cat((picture[:, :_SHORE], lake * 0.8 + _colour(0.02, 0.06, 0.10)), dim=1)


def _distance_from_sun() -> Tensor:
    down = torch.arange(HEIGHT)[:, None] - HEIGHT * _SUN[0]
    across = torch.arange(WIDTH)[None] - WIDTH * _SUN[1]
    return (down.square() + across.square()).sqrt()


def _noise(height: int, width: int, generator: Generator, flat: int = 0) -> Tensor:
    """Fractal noise `(height, width)` around 0.5: finer and fainter from octave to octave.

    Its spots are `2 ** flat` times as wide as high.
    """
    total = torch.zeros(height, width)
    for octave in range(_OCTAVES):
        cells = (min(height, 2 + 2 ** (octave + flat)), min(width, 3 + 2**octave))
        grid = torch.rand(1, 1, *cells, generator=generator) - 0.5
        total += F.interpolate(grid, (height, width), mode="bicubic")[0, 0] * _FADE**octave
    return total * (1 - _FADE) + 0.5


def _colour(red: float, green: float, blue: float) -> Tensor:
    return torch.tensor((red, green, blue))[:, None, None]
