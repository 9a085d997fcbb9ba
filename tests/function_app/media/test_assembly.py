"""Two fields of one picture are one frame, whatever packets they come in."""

from collections.abc import Iterator
from fractions import Fraction

import pytest
from av.packet import Packet
from av.video.stream import VideoStream

from function_app.media.assembly import Assembler, is_second_field
from function_app.media.bits import Bits, nal_units, unescaped
from tests.function_app.clips import Clips, opened


def bits_of(*codes: tuple[int, int] | int) -> bytes:
    """Write numbers: Exp-Golomb, or (value, bits)."""
    text = ""
    for code in codes:
        if isinstance(code, tuple):
            text += f"{code[0]:0{code[1]}b}"
        else:
            binary = f"{code + 1:b}"
            text += "0" * (len(binary) - 1) + binary
    text += "1"
    text += "0" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8)


# Main profile, frame_num of 4 bits, order by decoding, fields allowed (ITU-T H.264, 7.3.2.1.1).
PARAMETERS = b"\x67" + bits_of((77, 8), (0, 8), (30, 8), 0, 0, 2, 1, (0, 1), 3, 2, (0, 1))


def slice_of(frame: int, parity: int | None) -> bytes:
    """Return the head of a slice: of a frame, or of its top (0) or bottom (1) field."""
    which = [(0, 1)] if parity is None else [(1, 1), (parity, 1)]
    return b"\x41" + bits_of(0, 5, 0, (frame, 4), *which) + b"slice"


def packets(stream: VideoStream, *units: bytes) -> list[Packet]:
    made: list[Packet] = []
    for number, unit in enumerate(units):
        parameters = b"" if number else b"\0\0\0\1" + PARAMETERS
        packet = Packet(parameters + b"\0\0\0\1" + unit)
        packet.pts = packet.dts = number
        packet.duration, packet.time_base, packet.stream = 1, Fraction(1, 50), stream
        made.append(packet)
    return made


@pytest.fixture
def stream(clips: Clips) -> Iterator[VideoStream]:
    with opened(clips["plain.ts"]) as container:
        yield container.streams.video[0]


def assembled(stream: VideoStream, *units: bytes) -> list[tuple[int | None, int]]:
    """Return the time of each frame, and how many slices it holds."""
    assembler = Assembler(stream)
    whole = [frame for packet in packets(stream, *units) for frame in assembler.add(packet)]
    whole += assembler.flush()
    return [(frame.pts, bytes(frame).count(b"slice")) for frame in whole]


def test_two_fields_of_one_picture_become_one_frame(stream: VideoStream) -> None:
    units = (slice_of(0, 0), slice_of(0, 1), slice_of(1, 1), slice_of(1, 0))
    assert assembled(stream, *units) == [(0, 2), (2, 2)]


def test_frames_and_fields_may_take_turns(stream: VideoStream) -> None:
    units = (slice_of(0, None), slice_of(1, 0), slice_of(1, 1), slice_of(2, None))
    assert assembled(stream, *units) == [(0, 1), (1, 2), (3, 1)]


def test_a_field_whose_other_is_missing_is_a_frame_alone(stream: VideoStream) -> None:
    units = (slice_of(0, 0), slice_of(1, 0), slice_of(1, 1), slice_of(2, 0))
    assert assembled(stream, *units) == [(0, 1), (1, 2), (3, 1)]


def test_a_field_that_brings_parameters_stays_by_itself(stream: VideoStream) -> None:
    """FFmpeg decodes both fields of a packet by the parameters that come last in it."""
    changed = b"\x28other\0\0\0\1" + slice_of(0, 1)
    assembler = Assembler(stream)
    given = packets(stream, slice_of(0, 0), changed, slice_of(1, 0), slice_of(1, 1))
    whole = [frame for packet in given for frame in assembler.add(packet)]
    assert [(frame.pts, is_second_field(frame)) for frame in whole] == [
        (0, False),
        (0, True),
        (2, False),
    ]


def test_frames_of_other_codecs_stay_as_they_are(clips: Clips) -> None:
    with opened(clips["mpeg2.mpg"]) as container:
        stream = container.streams.video[0]
        assembler = Assembler(stream)
        given = [packet for packet in container.demux(stream) if packet.size]
        assert [frame for packet in given for frame in assembler.add(packet)] == given


def test_bits_are_read_to_the_end_and_beyond() -> None:
    bits = Bits(bits_of(0, 7, (5, 4)))
    assert (bits.ue(), bits.ue(), bits.read(4), bits.read(1)) == (0, 7, 5, 1)
    assert (bits.read(40), bits.ue()) == (0, 0)
    signed = Bits(bits_of(1, 2, 3, 4))
    assert [signed.se() for _ in range(4)] == [1, -1, 2, -2]


def test_nal_units_are_parted_by_start_codes_or_lengths() -> None:
    assert list(nal_units(b"\0\0\1ab\0\0\1c", 0)) == [b"ab", b"c"]
    assert list(nal_units(b"\0\2ab\0\1c", 2)) == [b"ab", b"c"]
    assert unescaped(b"a\0\0\3\1") == b"a\0\0\1"
