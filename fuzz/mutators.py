"""Mutators: what is done to a good file, by dice."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Literal

from fuzz.boxes import HEADER, Box, box, boxes, replaced

type Mutator = Callable[[bytes, Random], bytes]

HEAD = 2048
EXTREMES = (0, 1, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 0xFFFF_FFFE, 0xFFFF_0000, 0x0000_FFFF)


def flip_bits(content: bytes, dice: Random) -> bytes:
    """Turn over up to 64 bits anywhere."""
    return _flipped(content, dice, len(content))


def flip_header_bits(content: bytes, dice: Random) -> bytes:
    """Turn over up to 64 bits near the beginning."""
    return _flipped(content, dice, min(HEAD, len(content)))


def _flipped(content: bytes, dice: Random, end: int) -> bytes:
    changed = bytearray(content)
    for _ in range(dice.randint(1, 64)):
        changed[dice.randrange(end)] ^= 1 << dice.randrange(8)
    return bytes(changed)


def put_extreme_numbers(content: bytes, dice: Random) -> bytes:
    """Put numbers at the edge of their range over up to eight places."""
    changed = bytearray(content)
    order: Literal["big", "little"] = dice.choice(["big", "little"])
    for _ in range(dice.randint(1, 8)):
        place = dice.randrange(max(1, min(len(changed), dice.choice([HEAD, len(changed)])) - 4))
        changed[place : place + 4] = dice.choice(EXTREMES).to_bytes(4, order)
    return bytes(changed)


def cut_off(content: bytes, dice: Random) -> bytes:
    """Cut the end off."""
    return content[: dice.randrange(len(content))]


def cut_out(content: bytes, dice: Random) -> bytes:
    """Cut a piece out."""
    start, length = dice.randrange(len(content)), dice.randint(1, 4096)
    return content[:start] + content[start + length :]


def repeat_piece(content: bytes, dice: Random) -> bytes:
    """Repeat a piece up to 200 times."""
    start, length = dice.randrange(len(content)), dice.randint(1, 512)
    return (
        content[:start] + content[start : start + length] * dice.randint(2, 200) + content[start:]
    )


def move_piece(content: bytes, dice: Random) -> bytes:
    """Move a piece elsewhere: packets and timestamps out of order."""
    start, length = dice.randrange(len(content)), dice.randint(16, 2048)
    piece, rest = content[start : start + length], content[:start] + content[start + length :]
    place = dice.randrange(len(rest) + 1)
    return rest[:place] + piece + rest[place:]


def fill_piece(content: bytes, dice: Random) -> bytes:
    """Write one byte over a stretch."""
    start, length = dice.randrange(len(content)), dice.randint(16, 4096)
    filler = bytes([dice.choice([0, 0xFF, 0x41])]) * min(length, len(content) - start)
    return content[:start] + filler + content[start + len(filler) :]


def lie_about_a_size(content: bytes, dice: Random) -> bytes:
    """Let a box say another size."""
    target = _some_box(content, dice)
    if target is None:
        return put_extreme_numbers(content, dice)
    real = target.end - target.start
    lie = dice.choice([0, 1, 7, 8, real - 1, real + 1, real * 2, 2**31 - 1, 2**32 - 1])
    return content[: target.start] + (lie % 2**32).to_bytes(4) + content[target.start + 4 :]


def nest_a_box(content: bytes, dice: Random) -> bytes:
    """Put a box into itself again and again."""
    target = _some_box(content, dice)
    if target is None:
        return repeat_piece(content, dice)
    nested = content[target.start : target.end]
    for _ in range(dice.randint(1, 2000)):
        nested = box(target.kind, nested)
        if len(nested) > 2**20:
            break
    return replaced(content, target, nested)


def multiply_a_box(content: bytes, dice: Random) -> bytes:
    """Repeat a box: a thousand tracks."""
    target = _some_box(content, dice, kind=dice.choice([b"trak", b"stsd", b"elst", b"udta", b""]))
    if target is None:
        return repeat_piece(content, dice)
    return replaced(content, target, content[target.start : target.end] * dice.randint(2, 1000))


def spoil_a_table(content: bytes, dice: Random) -> bytes:
    """Put numbers at the edge of their range into a table of times, sizes or places."""
    kinds = [
        b"stts",
        b"ctts",
        b"stsz",
        b"stsc",
        b"stco",
        b"stss",
        b"elst",
        b"mdhd",
        b"tkhd",
        b"trun",
    ]
    target = _some_box(content, dice, kind=dice.choice(kinds))
    if target is None:
        return put_extreme_numbers(content, dice)
    changed = bytearray(content)
    for _ in range(dice.randint(1, 4)):
        place = dice.randrange(
            target.start + HEADER, max(target.start + HEADER + 1, target.end - 3)
        )
        changed[place : place + 4] = dice.choice(EXTREMES).to_bytes(4)
    return bytes(changed)


def shuffle_boxes(content: bytes, dice: Random) -> bytes:
    """Put the topmost boxes into another order."""
    top = _topmost(content)
    dice.shuffle(top)
    return b"".join(content[each.start : each.end] for each in top) or cut_out(content, dice)


def _topmost(content: bytes) -> list[Box]:
    top: list[Box] = []
    for each in boxes(content):
        if not top or each.start >= top[-1].end:
            top.append(each)
    return top


def _some_box(content: bytes, dice: Random, kind: bytes = b"") -> Box | None:
    found = [each for each in boxes(content) if kind in {b"", each.kind}]
    return dice.choice(found) if found else None


MUTATORS: tuple[Mutator, ...] = (
    flip_bits,
    flip_header_bits,
    put_extreme_numbers,
    cut_off,
    cut_out,
    repeat_piece,
    move_piece,
    fill_piece,
    lie_about_a_size,
    nest_a_box,
    multiply_a_box,
    spoil_a_table,
    shuffle_boxes,
)
