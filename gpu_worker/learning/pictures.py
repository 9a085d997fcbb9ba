"""Still pictures as tensors: reading paintings and photos, cutting crops, laying out a sheet.

A picture is `(3, H, W)` float32 RGB in [0, 1], sRGB as it is stored.
"""

import io
import struct
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import ExifTags, Image, ImageCms, UnidentifiedImageError
from torch import Generator, Tensor
from torchvision.utils import make_grid, save_image  # pyright: ignore[reportUnknownVariableType]

from gpu_worker.errors import InputError

PIXELS_MAX = 100_000_000
PAINTING_SIDE_MIN = 64
_ZOOM_MIN, _ZOOM_MAX = 1.25, 1.75  # a square is to show about as much as a frame does
_GAMMA_MAX = 0.7  # exponent of two, either way
_SPAN = 0.25  # of [0, 1], what black and white move by at most, either way
_COLOURFUL = 1.3  # times the colour, at most

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp"})

# By the EXIF tag Orientation: CIPA DC-008, 4.6.5.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))  # pyright: ignore[reportUnknownArgumentType]

_WIDE_GREY_MODES = ("I", "I;16", "I;16B", "I;16L")


@dataclass(frozen=True, slots=True)
class Pair:
    """Two views of the same, `(N, 3, H, W)` each.

    Attributes:
        first: one view.
        second: at row y and column x it shows what `first` shows at y + dy and x + dx.
        moved: `(N, 2)`, dy and dx in pixels; not whole numbers as a rule.
    """

    first: Tensor
    second: Tensor
    moved: Tensor


def read_picture(path: Path, short_side: int) -> Tensor:
    """Read an image file of any colour mode as RGB, scaled down to `short_side` if it is larger.

    EXIF orientation is applied, colours are brought to sRGB by the picture's profile, transparency
    is laid on white, 16-bit greys become 8-bit.

    Raises:
        InputError: the file is missing, not an image, damaged, or over `PIXELS_MAX` pixels.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                _refuse_huge(path, image)
                image.draft("RGB", _size_with_short_side(image, 2 * short_side))
                return _to_tensor(_shrink(_to_rgb(_upright(image)), short_side))
    except FileNotFoundError as error:
        raise InputError(f"There is no picture {path.name}.") from error
    except UnidentifiedImageError as error:
        raise InputError(f"{path.name} is not a picture; use a JPEG or a PNG.") from error
    except Image.DecompressionBombError as error:
        raise InputError(_too_large(path)) from error
    except (OSError, SyntaxError, ValueError) as error:
        raise InputError(f"The picture {path.name} is damaged; save it again.") from error


def _upright(image: Image.Image) -> Image.Image:
    """Turn a picture as its EXIF says, where that can be told: some fields are of odd types."""
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except (struct.error, AttributeError, LookupError, SyntaxError, TypeError, ValueError):
        return image
    turn = _TURNS.get(orientation) if isinstance(orientation, int) else None
    return image.transpose(turn) if turn is not None else image


def read_painting(path: Path, short_side: int) -> Tensor:
    """Read the picture of a painting, as `read_picture` does.

    Raises:
        InputError: it cannot be read, or a side has fewer than `PAINTING_SIDE_MIN` pixels.
    """
    painting = read_picture(path, short_side)
    height, width = painting.shape[1:]
    if min(height, width) < PAINTING_SIDE_MIN:
        raise InputError(
            f"The painting {path.name} has {width}x{height} pixels, too few to show strokes; "
            f"each side needs at least {PAINTING_SIDE_MIN}."
        )
    return painting


def random_crops(pictures: Sequence[Tensor], count: int, side: int, generator: Generator) -> Tensor:
    """Cut `(count, C, side, side)` squares, each at chance from a picture, half of them mirrored.

    Each square covers 1.25 to 1.75 times `side` in its picture, or all that a small picture has.
    """
    chosen = [_choose(pictures, generator) for _ in range(count)]
    return torch.cat([_cut(one, _Window.draw(one, side, generator), side) for one in chosen])


def random_views(
    pictures: Sequence[Tensor], count: int, side: int, reach: int, generator: Generator
) -> Pair:
    """Cut crops as `random_crops` does, each twice, up to `reach` pixels apart either way."""
    chosen = [_choose(pictures, generator) for _ in range(count)]
    return _joined([_views(one, side, reach, generator) for one in chosen])


def in_other_light(pair: Pair, generator: Generator) -> Pair:
    """Show each pair darker or brighter, flatter or harder, and more or less colourful."""

    def chosen(low: float, high: float) -> Tensor:
        shape = (len(pair.first), 1, 1, 1)
        return low + (high - low) * torch.rand(shape, generator=generator)

    gamma = chosen(-_GAMMA_MAX, _GAMMA_MAX).exp2()
    black, white = chosen(-_SPAN, _SPAN), 1 - chosen(-_SPAN, _SPAN)
    colourful = chosen(0, _COLOURFUL)

    def lit(rgb: Tensor) -> Tensor:
        grey = rgb.mean(1, keepdim=True)
        coloured = torch.lerp(grey, rgb, colourful).clamp(0, 1)
        return (black + (white - black) * coloured**gamma).clamp(0, 1)

    return replace(pair, first=lit(pair.first), second=lit(pair.second))


def cover(picture: Tensor, tile: tuple[int, int]) -> Tensor:
    """Scale `(C, H, W)` to cover `tile` (height, width), and cut what stands over off evenly."""
    height, width = picture.shape[-2:]
    scale = max(tile[0] / height, tile[1] / width)
    size = (max(tile[0], round(height * scale)), max(tile[1], round(width * scale)))
    scaled = F.interpolate(picture[None].cpu(), size, mode="bilinear", antialias=True)[0]
    top, left = (size[0] - tile[0]) // 2, (size[1] - tile[1]) // 2
    return scaled[:, top : top + tile[0], left : left + tile[1]]


def write_sheet(path: Path, rows: Sequence[Sequence[Tensor]], tile: tuple[int, int]) -> None:
    """Lay pictures out in rows of equal length, each scaled to cover `tile` (height, width)."""
    tiles = [cover(picture, tile) for row in rows for picture in row]
    grid = make_grid(torch.stack(tiles), nrow=len(rows[0]), padding=4, pad_value=1.0)
    save_image(grid, path)


def _refuse_huge(path: Path, image: Image.Image) -> None:
    if image.width * image.height > PIXELS_MAX:
        raise InputError(_too_large(path))


def _too_large(path: Path) -> str:
    return f"The picture {path.name} has over {PIXELS_MAX // 10**6} megapixels; scale it down."


def _size_with_short_side(image: Image.Image, short_side: int) -> tuple[int, int]:
    scale = short_side / min(image.size)
    return max(1, round(image.width * scale)), max(1, round(image.height * scale))


def _to_rgb(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    if image.mode in _WIDE_GREY_MODES:
        image = image.convert("I").point(lambda value: value / 257).convert("L")
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    own = image if image.mode == "CMYK" else image.convert("RGB")
    return (_in_srgb(own, profile) if profile else own).convert("RGB")


def _in_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Bring colours to sRGB by an ICC profile; as they are by one that is none, or of others."""
    try:
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(image, own, _SRGB, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        return image
    assert converted is not None  # only where it is to be done in place
    return converted


def _shrink(image: Image.Image, short_side: int) -> Image.Image:
    if min(image.size) <= short_side:
        return image
    return image.resize(_size_with_short_side(image, short_side), Image.Resampling.LANCZOS)


def _to_tensor(image: Image.Image) -> Tensor:
    flat = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8)
    return flat.view(image.height, image.width, 3).permute(2, 0, 1).float() / 255


@dataclass(frozen=True, slots=True)
class _Window:
    """A square of a picture, in its pixels, perhaps seen in a mirror."""

    top: int
    left: int
    span: int
    mirrored: bool

    @staticmethod
    def draw(picture: Tensor, side: int, generator: Generator) -> "_Window":
        height, width = picture.shape[-2:]
        zoom = _ZOOM_MIN + (_ZOOM_MAX - _ZOOM_MIN) * torch.rand((), generator=generator).item()
        span = min(round(side * zoom), height, width)
        top = _random_integer(height - span + 1, generator)
        left = _random_integer(width - span + 1, generator)
        return _Window(top, left, span, bool(_random_integer(2, generator)))


def _choose(pictures: Sequence[Tensor], generator: Generator) -> Tensor:
    return pictures[_random_integer(len(pictures), generator)]


def _cut(picture: Tensor, window: _Window, side: int) -> Tensor:
    rows = slice(window.top, window.top + window.span)
    columns = slice(window.left, window.left + window.span)
    crop = picture[None, :, rows, columns]
    if window.mirrored:
        crop = crop.flip(-1)
    return F.interpolate(crop, (side, side), mode="bilinear", antialias=True)


def _views(picture: Tensor, side: int, reach: int, generator: Generator) -> Pair:
    """Cut twice; since a crop is scaled down, whole pixels between cuts become parts of pixels."""
    window = _Window.draw(picture, side, generator)
    height, width = picture.shape[-2:]
    down = _random_shift(window.top, height - window.span, reach, generator)
    right = _random_shift(window.left, width - window.span, reach, generator)
    other = replace(window, top=window.top + down, left=window.left + right)
    moved = torch.tensor([[down, -right if window.mirrored else right]]) * (side / window.span)
    return Pair(_cut(picture, window, side), _cut(picture, other, side), moved)


def _joined(pairs: Sequence[Pair]) -> Pair:
    columns = zip(*((pair.first, pair.second, pair.moved) for pair in pairs), strict=True)
    return Pair(*(torch.cat(column) for column in columns))


def _random_shift(start: int, end: int, reach: int, generator: Generator) -> int:
    low, high = max(-reach, -start), min(reach, end - start)
    return low + _random_integer(high - low + 1, generator)


def _random_integer(end: int, generator: Generator) -> int:
    return int(torch.randint(end, (), generator=generator))
