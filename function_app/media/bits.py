"""Bits of a video stream's headers: fixed and Exp-Golomb codes, NAL units and their escapes."""

from __future__ import annotations

from collections.abc import Iterator

START_CODE = b"\0\0\1"


class Bits:
    """Reads bits, the highest of each byte first; beyond the end there are zeros.

    Args:
        content: to read.
    """

    def __init__(self, content: bytes) -> None:
        """Start at the first bit."""
        self._value = int.from_bytes(content)
        self._length = 8 * len(content)
        self._at = 0

    def read(self, count: int) -> int:
        """Return the next bits as a number."""
        self._at += count
        shift = self._length - self._at
        shifted = self._value >> shift if shift >= 0 else self._value << -shift
        return shifted & ((1 << count) - 1)

    def ue(self) -> int:
        """Return an unsigned Exp-Golomb code (ITU-T H.264, 9.1); 0 beyond the end."""
        zeros = 0
        while not self.read(1):
            zeros += 1
            if self._at >= self._length:
                return 0
        return (1 << zeros) - 1 + self.read(zeros)

    def se(self) -> int:
        """Return a signed Exp-Golomb code (ITU-T H.264, 9.1.1)."""
        code = self.ue()
        return (code + 1) // 2 if code % 2 else -(code // 2)


def nal_units(content: bytes, length_size: int) -> Iterator[bytes]:
    """Yield the NAL units of a packet.

    Args:
        content: of the packet.
        length_size: bytes of the length before each unit; 0 where start codes part them (ITU-T
            H.264, annex B).
    """
    if not length_size:
        yield from filter(None, content.split(START_CODE)[1:])
        return
    at = 0
    while at + length_size < len(content):
        size = int.from_bytes(content[at : at + length_size])
        at += length_size
        yield content[at : at + size]
        at += size


def unescaped(nal_unit: bytes) -> bytes:
    """Take out the bytes that keep start codes out of a NAL unit (ITU-T H.264, 7.4.1)."""
    return nal_unit.replace(b"\0\0\3", b"\0\0")
