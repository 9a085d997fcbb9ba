"""Pictures of every kind become RGB tensors, and what is no picture is refused in a sentence."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageOps
from torch import Generator, Tensor

from gpu_worker.errors import InputError
from gpu_worker.learning.pictures import (
    Pair,
    in_other_light,
    random_crops,
    random_views,
    read_painting,
    read_picture,
    write_sheet,
)

RED = torch.tensor([1.0, 0.0, 0.0])


def middle(picture: Tensor) -> Tensor:
    return picture[:, picture.shape[1] // 2, picture.shape[2] // 2]


def saved(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


def png_chunk(kind: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


def test_a_picture_is_scaled_to_its_short_side(tmp_path: Path) -> None:
    path = saved(tmp_path / "red.png", Image.new("RGB", (300, 200), "red"))
    picture = read_picture(path, short_side=100)
    assert picture.shape == (3, 100, 150)
    assert picture.dtype == torch.float32
    torch.testing.assert_close(middle(picture), RED)


def test_a_small_picture_is_not_enlarged(tmp_path: Path) -> None:
    path = saved(tmp_path / "red.png", Image.new("RGB", (30, 20), "red"))
    assert read_picture(path, short_side=100).shape == (3, 20, 30)


@pytest.mark.parametrize(
    ("mode", "colour", "name"),
    [
        ("CMYK", (0, 255, 255, 0), "cmyk.jpg"),
        ("P", 0, "palette.png"),
        ("RGBA", (255, 0, 0, 255), "alpha.png"),
    ],
)
def test_every_colour_mode_becomes_rgb(
    tmp_path: Path, mode: str, colour: tuple[int, ...] | int, name: str
) -> None:
    image = Image.new(mode, (80, 80), colour)
    if mode == "P":
        image.putpalette([255, 0, 0])
    picture = read_picture(saved(tmp_path / name, image), 80)
    torch.testing.assert_close(middle(picture), RED, rtol=0, atol=0.03)


def swapped_profile() -> bytes:
    """The ICC profile of a device whose red is green, and whose green is red."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    count = 128 + 4 + 12 * int.from_bytes(profile[128:132])
    tags = profile[128:count].replace(b"rXYZ", b"....").replace(b"gXYZ", b"rXYZ")
    return profile[:128] + tags.replace(b"....", b"gXYZ") + profile[count:]


@pytest.mark.parametrize(("mode", "name"), [("RGB", "a.jpg"), ("RGBA", "a.png"), ("P", "b.png")])
def test_colours_are_those_of_the_picture_s_profile(tmp_path: Path, mode: str, name: str) -> None:
    green = Image.new("RGB", (80, 80), (0, 255, 0)).convert(mode)
    picture = read_picture(saved(tmp_path / name, green, icc_profile=swapped_profile()), 80)
    torch.testing.assert_close(middle(picture), RED, rtol=0, atol=0.03)


@pytest.mark.parametrize("profile", [b"nonsense", swapped_profile()[:400]])
def test_a_profile_that_is_none_changes_nothing(tmp_path: Path, profile: bytes) -> None:
    red = Image.new("RGB", (80, 80), "red")
    picture = read_picture(saved(tmp_path / "red.jpg", red, icc_profile=profile), 80)
    torch.testing.assert_close(middle(picture), RED, rtol=0, atol=0.03)


def test_a_profile_of_colours_leaves_grey_as_it_is(tmp_path: Path) -> None:
    path = saved(tmp_path / "g.png", Image.new("L", (80, 80), 64), icc_profile=swapped_profile())
    grey = torch.full((3,), 0.25)
    torch.testing.assert_close(middle(read_picture(path, 80)), grey, rtol=0, atol=0.02)


@pytest.mark.parametrize("name", ["grey.png", "grey.tif"])
def test_sixteen_bit_grey_keeps_its_brightness(tmp_path: Path, name: str) -> None:
    path = saved(tmp_path / name, Image.new("I;16", (80, 80), 0x4000))
    torch.testing.assert_close(
        middle(read_picture(path, 80)), torch.full((3,), 0.25), rtol=0, atol=0.01
    )


def test_transparency_is_laid_on_white(tmp_path: Path) -> None:
    path = saved(tmp_path / "clear.png", Image.new("RGBA", (80, 80), (255, 0, 0, 0)))
    torch.testing.assert_close(middle(read_picture(path, 80)), torch.ones(3))


def test_exif_orientation_is_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = saved(tmp_path / "turned.jpg", Image.new("RGB", (90, 60)), exif=exif)
    assert read_picture(path, 60).shape == (3, 90, 60)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_turned_as_viewers_do(tmp_path: Path, orientation: int) -> None:
    pixels = torch.randint(0, 256, (40, 60, 3), dtype=torch.uint8).numpy()
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(tmp_path / "turned.png", Image.fromarray(pixels), exif=exif)
    with Image.open(path) as image:
        expected = torch.tensor(np.asarray(ImageOps.exif_transpose(image))).permute(2, 0, 1) / 255
    torch.testing.assert_close(read_picture(path, 40), expected, atol=1e-3, rtol=0)


@pytest.mark.parametrize("tag", [0x0112, 0x011A, 0x0128])
def test_exif_of_odd_types_leaves_the_picture_readable(tmp_path: Path, tag: int) -> None:
    exif = Image.Exif()
    exif[0x010E] = "a description, which is text"
    # The library writes no field of a wrong type, so the text gets the tag of a number.
    order = "<H" if b"II" in exif.tobytes()[:8] else ">H"
    odd = exif.tobytes().replace(struct.pack(order, 0x010E), struct.pack(order, tag), 1)
    path = saved(tmp_path / "odd.jpg", Image.new("RGB", (90, 60)), exif=odd)
    assert read_picture(path, 60).shape == (3, 60, 90)


def test_real_paintings_with_odd_exif_are_read() -> None:
    folder = Path(__file__).parents[4] / "shared" / "cases" / "paintings"
    if not folder.is_dir():
        pytest.skip("there are no such paintings beside this checkout")
    assert all(read_picture(file, 64).shape[0] == 3 for file in folder.glob("*.jpg"))


def test_sixty_megapixels_are_read(tmp_path: Path) -> None:
    path = saved(tmp_path / "large.jpg", Image.new("L", (10_000, 6_000), 128))
    assert read_picture(path, 64).shape == (3, 64, 107)


@pytest.mark.parametrize("size", [(10_001, 10_001), (20_000, 20_000)])
def test_over_a_hundred_megapixels_are_refused(tmp_path: Path, size: tuple[int, int]) -> None:
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", *size, 1, 0, 0, 0, 0))
    path = tmp_path / "huge.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", b""))
    with pytest.raises(InputError, match=r"huge\.png has over 100 megapixels"):
        read_picture(path, 64)


def test_a_missing_picture_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"There is no picture lost\.png"):
        read_picture(tmp_path / "lost.png", 64)


@pytest.mark.parametrize("content", [b"", b"a poem", b"\x00\x00\x00\x18ftypmp42"])
def test_what_is_no_picture_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "poem.jpg"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"poem\.jpg is not a picture"):
        read_picture(path, 64)


@pytest.mark.parametrize("name", ["half.jpg", "half.png"])
def test_a_truncated_picture_is_refused(tmp_path: Path, name: str) -> None:
    path = saved(tmp_path / name, Image.effect_noise((200, 200), 50))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match="is damaged"):
        read_picture(path, 64)


@pytest.mark.parametrize("size", [(1, 1), (640, 20)])
def test_a_painting_too_small_for_strokes_is_refused(tmp_path: Path, size: tuple[int, int]) -> None:
    path = saved(tmp_path / "speck.png", Image.new("RGB", size))
    sentence = rf"speck\.png has {size[0]}x{size[1]} pixels.* at least 64"
    with pytest.raises(InputError, match=sentence):
        read_painting(path, 512)


def test_crops_repeat_by_seed() -> None:
    pictures = [torch.rand(3, 50, 70), torch.rand(3, 64, 30)]
    first, again, other = (
        random_crops(pictures, 4, 24, Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert first.shape == (4, 3, 24, 24)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_picture_smaller_than_the_crop_fills_it() -> None:
    crops = random_crops([torch.full((3, 10, 12), 0.5)], 2, 24, Generator())
    torch.testing.assert_close(crops, torch.full((2, 3, 24, 24), 0.5))


@given(seed=st.integers(0, 10_000))
def test_two_views_show_the_same_where_they_say(seed: int) -> None:
    rows, columns = torch.meshgrid(torch.arange(90.0), torch.arange(120.0), indexing="ij")
    picture = torch.stack([rows, columns, rows + columns]) / 300
    views = random_views([picture], 1, 32, reach=9, generator=Generator().manual_seed(seed))
    shown = 300 * (views.second - views.first)[0, :2, 16, 16]
    slope = 300 * (views.first[0, 1, 16, 26] - views.first[0, 1, 16, 6]) / 20
    down, right = views.moved[0]
    told = torch.stack([down * slope.abs(), right * slope])
    torch.testing.assert_close(shown, told, atol=0.1, rtol=0)


def test_views_lie_within_reach() -> None:
    views = random_views([torch.rand(3, 90, 120)] * 3, 40, 32, reach=9, generator=Generator())
    assert 6 < views.moved.abs().max() <= 9
    assert (views.moved % 1).any()


def test_a_sheet_shows_every_picture(tmp_path: Path) -> None:
    colours = [
        [torch.full((3, 20, 50), value) for value in row] for row in ((0.0, 0.2), (0.6, 1.0))
    ]
    write_sheet(tmp_path / "sheet.png", colours, tile=(40, 40))
    sheet = read_picture(tmp_path / "sheet.png", 1000)
    assert sheet.shape == (3, 92, 92)
    for row, column, value in ((20, 20, 0.0), (20, 70, 0.2), (70, 20, 0.6), (70, 70, 1.0)):
        assert sheet[0, row, column].item() == pytest.approx(value, abs=0.01)


def test_both_of_a_pair_are_shown_in_the_same_other_light() -> None:
    rgb = torch.rand(16, 3, 8, 8, generator=Generator().manual_seed(1))
    lit = in_other_light(Pair(rgb, rgb, torch.zeros(16, 2)), Generator().manual_seed(2))
    assert torch.equal(lit.first, lit.second)
    assert 0 <= lit.first.min() <= lit.first.max() <= 1
    brighter = lit.first.mean((1, 2, 3)) > rgb.mean((1, 2, 3))
    assert 2 < brighter.sum() < 14


def test_light_keeps_what_is_brighter_brighter() -> None:
    ramp = torch.linspace(0, 1, 32).expand(8, 3, 4, 32)
    lit = in_other_light(Pair(ramp, ramp, torch.zeros(8, 2)), Generator().manual_seed(3))
    assert (lit.first.diff(dim=-1) >= 0).all()
    assert (lit.first[..., -1] - lit.first[..., 0] > 0.4).all()


def test_light_is_flatter_or_harder() -> None:
    """Hard light has areas of plain black and white, as writing has; flat light has neither."""
    ramp = torch.linspace(0, 1, 32).expand(16, 3, 4, 32)
    lit = in_other_light(Pair(ramp, ramp, torch.zeros(16, 2)), Generator().manual_seed(3)).first
    black, white = ((lit == end).sum((1, 2, 3)) / lit[0].numel() for end in (0, 1))
    for share in (black, white):
        assert 0 < (share > 1 / 32).sum() < 16
        assert (share < 0.6).all()
