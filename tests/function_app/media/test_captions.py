"""Closed captions within the pictures, and in tracks of their own, become subtitles."""

import io
import struct
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import av
import pytest
from av.packet import Packet

from function_app.media.captions import KEPT, NOTE, triplets
from function_app.media.extras import Sidecar
from function_app.options.container import CONTAINER, Container
from function_app.stages.preprocess import preprocess
from function_app.store import paths, storage
from function_app.store.jobs import Job
from tests.function_app.clips import Clips, ffmpeg

PADDING = [b"\xfc\x80\x80", b"\xfd\x80\x80", b"\xfa\0\0"]
DTVCC = [*PADDING, b"\xff\x02\x21"]
LOAD, SHOW, CLEAR = b"\x14\x20", b"\x14\x2f", b"\x14\x2c"
BOTTOM_ROW = b"\x14\x70"
OTHER_CHANNEL = 0x08
CODEC = "h264"


def with_parity(pair: bytes) -> bytes:
    """Let the number of ones in each byte be odd (CEA-608)."""
    return bytes(byte | 0x80 * (byte.bit_count() % 2 == 0) for byte in pair)


def line_21(pairs: Iterable[bytes], head: int = 0xFC) -> list[bytes]:
    return [bytes([head]) + with_parity(pair) for pair in pairs]


def spoken(text: str, channel: int = 0) -> list[bytes]:
    """Return the pairs that put a text of even length on the screen at once."""
    commands = [bytes([pair[0] | channel, pair[1]]) for pair in (LOAD, BOTTOM_ROW, SHOW)]
    letters = [text[at : at + 2].encode() for at in range(0, len(text), 2)]
    return [*commands[:2], *letters, commands[2]]


def message(triplets: list[bytes]) -> bytes:
    """Return an SEI NAL unit of H.264 that holds captions (ATSC A/53 part 4)."""
    body = b"\xb5\0\x31GA94\3" + bytes([0x40 | len(triplets), 0xFF]) + b"".join(triplets) + b"\xff"
    escaped = body.replace(b"\0\0\3", b"\0\0\3\3")
    return b"\0\0\1\6\4" + bytes([len(body)]) + escaped + b"\x80"


def captioned(source: bytes, said: Mapping[int, list[bytes]]) -> bytes:
    """Put triplets into pictures of a transport stream, by their numbers in order of display."""
    with av.open(io.BytesIO(source), "r") as container:
        packets = [each for each in container.demux(container.streams.video[0]) if each.size]
        order = sorted(each.pts or 0 for each in packets)
        made = io.BytesIO()
        with av.open(made, "w", format="mpegts") as result:
            stream = result.add_stream_from_template(container.streams.video[0])
            for each in packets:
                triplets = said.get(order.index(each.pts or 0))
                content = _with_message(bytes(each), message(triplets)) if triplets else bytes(each)
                packet = Packet(content)
                packet.pts, packet.dts, packet.time_base = each.pts, each.dts, each.time_base
                packet.is_keyframe, packet.stream = each.is_keyframe, stream
                result.mux(packet)
        return made.getvalue()


def _with_message(picture: bytes, sei: bytes) -> bytes:
    """Put it before the first slice."""
    slices = (picture.find(b"\0\0\1" + bytes([kind])) for kind in (0x65, 0x41, 0x61, 0x01, 0x21))
    at = min(place for place in slices if place >= 0)
    return picture[:at] + sei + picture[at:]


@pytest.fixture(scope="module")
def reordered(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return 48 pictures at 24 a second, of which most are decoded in another order."""
    file = tmp_path_factory.mktemp("reordered") / "b_frames.ts"
    picture = ["-f", "lavfi", "-i", "testsrc2=s=64x48:r=24:d=2"]
    ffmpeg(*picture, "-c:v", "libx264", "-bf", "2", "-pix_fmt", "yuv420p", str(file))
    return file.read_bytes()


def texts(job: Job, container: Container = Container.MP4) -> list[tuple[float, float, str]]:
    """Preprocess; return the texts of the track of captions, each with its begin and end."""
    sidecar = Sidecar.from_json(storage.read(paths.JOBS, job.folder.sidecar) or b"")
    (name,) = sidecar.tracks
    file = storage.read(paths.JOBS, job.folder.extra(name)) or b""
    with av.open(io.BytesIO(file), "r") as track:
        stream = track.streams.subtitles[0]
        found: list[tuple[float, float, str]] = []
        for packet in track.demux(stream):
            content = bytes(packet)
            if len(content) > 2 and packet.pts is not None:
                begin = packet.pts * packet.time_base
                end = begin + (packet.duration or 0) * packet.time_base
                text = (
                    content.split(b",", 8)[-1]
                    if container is Container.MKV
                    else content[2 : 2 + struct.unpack_from(">H", content)[0]]
                )
                found.append((float(begin), float(end), text.decode()))
        return found


def near(*lines: tuple[int, int, str]) -> list[object]:
    """Return texts of frames' numbers, by times that a hundredth of a second may round."""
    return [
        (pytest.approx(begin / 24, abs=0.006), pytest.approx(end / 24, abs=0.011), text)
        for begin, end, text in lines
    ]


SAID = {6: line_21(spoken("HELLO!")), 20: line_21([CLEAR]), 21: PADDING,
        25: line_21(spoken("AGAIN.")), 40: line_21([CLEAR])}  # fmt: skip
SHOWN = near((6, 20, "HELLO!"), (25, 40, "AGAIN."))


@pytest.mark.parametrize(
    ("found", "there"), [(line_21([LOAD]), True), (DTVCC, True), (PADDING, True), ([], False)]
)
def test_triplets_are_found_in_a_picture(found: list[bytes], there: bool) -> None:
    content = b"before" + message(found) + b"after"
    assert list(triplets(content, CODEC)) == found
    assert bool(found) is there


def test_triplets_are_read_over_what_escapes_start_codes() -> None:
    found = [b"\xff\x41\0", b"\0\3\x20", b"\xfc\x94\x20"]
    assert list(triplets(message(found), CODEC)) == found


def test_what_is_cut_off_holds_no_triplet() -> None:
    whole = message([b"\xfc\x94\x20"])
    last = whole.index(b"\x20")
    assert not any(list(triplets(whole[:size], CODEC)) for size in range(last + 1))


def test_captions_become_subtitles_at_the_times_of_their_pictures(
    reordered: bytes, upload: Callable[..., Job]
) -> None:
    job = upload(captioned(reordered, SAID), "said.ts")
    assert preprocess(job).notes == (KEPT,)
    assert texts(job) == SHOWN
    sidecar = Sidecar.from_json(storage.read(paths.JOBS, job.folder.sidecar) or b"")
    assert sidecar.defaults == (), "no player is to show captions unasked"


def test_matroska_has_the_captions_where_they_stand_in_the_picture(
    reordered: bytes, upload: Callable[..., Job]
) -> None:
    metadata = {CONTAINER: Container.MKV.value}
    job = upload(captioned(reordered, SAID), "said.ts", metadata=metadata)
    assert preprocess(job).notes == (KEPT,)
    found = [(begin, end, text.partition("}{")) for begin, end, text in texts(job, Container.MKV)]
    assert [(begin, end, text[2].partition("}")[2]) for begin, end, text in found] == SHOWN
    assert all(text[2].startswith(r"\pos(") for _, _, text in found)


@pytest.mark.parametrize(
    "said",
    [
        DTVCC,
        line_21(spoken("HELLO!"), head=0xFD),
        line_21(spoken("HELLO!", OTHER_CHANNEL)),
        line_21([LOAD, BOTTOM_ROW, b"HE"]),
    ],
    ids=["CEA-708 alone", "the second field", "the second channel", "never shown"],
)
def test_captions_of_which_nothing_becomes_text_are_noted(
    reordered: bytes, upload: Callable[..., Job], said: list[bytes]
) -> None:
    job = upload(captioned(reordered, {6: said}), "unkept.ts")
    assert preprocess(job).notes == (NOTE,)
    sidecar = Sidecar.from_json(storage.read(paths.JOBS, job.folder.sidecar) or b"")
    assert sidecar.tracks == ()


def test_a_track_of_captions_is_shown_when_it_says(
    clips: Clips, upload: Callable[..., Job], tmp_path: Path
) -> None:
    frames = {0: spoken("HELLO!"), 15: [CLEAR], 24: spoken("AGAIN."), 45: [CLEAR], 50: [CLEAR]}
    lines = (
        f"00:00:0{frame // 30}:{frame % 30:02}\t"
        + " ".join(with_parity(each).hex() for each in said)
        for frame, said in frames.items()
    )
    (tmp_path / "said.scc").write_text("Scenarist_SCC V1.0\n\n" + "\n\n".join(lines) + "\n\n")
    made = tmp_path / "track.mov"
    tracks = ["-map", "0:v", "-map", "1", "-c", "copy"]
    ffmpeg("-i", str(clips["plain.mp4"]), "-i", str(tmp_path / "said.scc"), *tracks, str(made))
    job = upload(made, "track.mov")
    assert preprocess(job).notes == ()
    assert texts(job) == [
        (pytest.approx(begin, abs=0.04), pytest.approx(end, abs=0.04), text)
        for begin, end, text in [(0, 0.5, "HELLO!"), (0.8, 1.5, "AGAIN.")]
    ]


def test_padding_is_no_caption(reordered: bytes, upload: Callable[..., Job]) -> None:
    assert preprocess(upload(captioned(reordered, {6: PADDING}), "padded.ts")).notes == ()
