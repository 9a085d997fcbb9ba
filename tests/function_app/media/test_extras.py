"""What is kept of sound and subtitles, in what form, and what is said of the rest."""

from collections.abc import Callable
from fractions import Fraction
from itertools import count, pairwise
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
import pytest
from av.audio.resampler import AudioResampler
from azure.storage.blob import BlobClient

from function_app.media.extras import (
    KEPT,
    MOST_TRACKS,
    TRACK_HEAD,
    Chapter,
    ExtrasWriter,
    Sidecar,
    chapters_of,
    metadata_of,
)
from function_app.options.container import Container
from function_app.store.streams import BlobWriter
from fuzz.boxes import box, boxes, replaced
from tests.function_app.clips import Clips, Media, opened, packets_of, times_of

U8 = "the pcm_u8 sound of track 1"


class Memory(BlobWriter):
    """A writer of which one looks at what would have been committed."""

    def __init__(self) -> None:
        super().__init__(cast("BlobClient", None), TRACK_HEAD, "")
        self.content = b""

    def commit(self, *_: Any, **__: Any) -> None:
        assert not self._staged
        self.content = bytes(self._head + self._tail)


def any_packet(_: av.Packet) -> bool:
    return True


def extract(
    clip: Path,
    container: Container = Container.MP4,
    change: Callable[[av.Packet], bool] = any_packet,
) -> tuple[list[bytes], list[str]]:
    """Write the extras of a clip; return the files of its tracks and what could not be kept.

    Packets go by of which `change`, which may do anything to them, says so.
    """
    writers: dict[str, Memory] = {}
    with opened(clip) as source:
        writer = ExtrasWriter(source, container, lambda name: writers.setdefault(name, Memory()))
        streams = [source.streams[index] for index in writer.sinks]
        for packet in source.demux(streams) if streams else ():
            if change(packet):
                writer.sinks[packet.stream.index](packet)
        kept = writer.close()
    return [writers[name].content for name in kept], writer.notes


def codecs_of(files: list[bytes]) -> list[str]:
    return [codec for file in files for codec in codecs_in(file)]


def codecs_in(file: Media) -> list[str]:
    with opened(file) as container:
        return [stream.codec_context.codec.canonical_name for stream in container.streams]


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("plain.mp4", "aac"),
        ("pcm.mov", "pcm_s16le"),
        ("flac.mkv", "flac"),
        ("vorbis.mkv", "vorbis"),
        ("plain.avi", "mp3"),
    ],
)
def test_sound_that_mp4_can_hold_is_copied(clips: Clips, name: str, codec: str) -> None:
    extras, notes = extract(clips[name])
    assert codecs_of(extras) == [codec]
    assert b"".join(packets_of(extras[0], "audio")) == b"".join(packets_of(clips[name], "audio"))
    assert notes == []


@pytest.mark.parametrize(("name", "codec"), [("mulaw.mov", "pcm_mulaw"), ("wma.mkv", "wmav2")])
def test_other_sound_is_encoded_to_aac_and_that_is_said(
    clips: Clips, name: str, codec: str
) -> None:
    extras, notes = extract(clips[name])
    assert codecs_of(extras) == ["aac"]
    assert notes == [f"the {codec} sound of track 1 was encoded to AAC"]
    made, given = times_of(extras[0], "audio"), times_of(clips[name], "audio")
    assert float(made[-1]) == pytest.approx(float(given[-1]), abs=0.1)


def test_text_subtitles_become_timed_text(clips: Clips) -> None:
    extras, notes = extract(clips["tracks.mkv"])
    assert codecs_of(extras) == ["aac", "opus", "mov_text", "mov_text"]
    assert notes == ["the ass subtitles of track 4 are kept as plain text, without their styling"]
    texts = [packet[2:] for packet in packets_of(extras[3], "subtitle")]
    assert [text.decode() for text in texts if text] == ["Hallo"]


def test_sound_keeps_its_distance_to_the_picture(clips: Clips) -> None:
    extras, _ = extract(clips["late_sound.mkv"])
    given = times_of(clips["late_sound.mkv"], "audio")
    assert times_of(extras[0], "audio")[:3] == pytest.approx(given[:3], abs=0.0005)


def test_a_silent_clip_has_no_tracks(clips: Clips) -> None:
    assert extract(clips["one_keyframe.mp4"]) == ([], [])


def test_chapters_and_metadata_are_read(clips: Clips) -> None:
    with opened(clips["tracks.mkv"]) as source:
        assert chapters_of(source) == (Chapter(0, 0.75, "First"), Chapter(0.75, 2, "Zweites"))
        metadata = {key.lower(): value for key, value in metadata_of(source).items()}
    assert metadata == {"title": "A film", "artist": "Somebody"}


def test_a_sidecar_survives_json() -> None:
    sidecar = Sidecar((Chapter(0, 1.5, "Früh"),), {"title": "☃"}, ("track-001.mkv",))
    assert Sidecar.from_json(sidecar.to_json()) == sidecar


def test_a_sidecar_of_the_first_version_is_read() -> None:
    sidecar = Sidecar.from_json('{"chapters": [], "metadata": {}, "tracks": 3}')
    assert sidecar.tracks == ("extras.mp4",)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("truehd.mkv", "the truehd sound of track 1 was encoded to AAC"),
        (
            "odd_rate.mkv",
            "the pcm_u8 sound of track 1 was encoded to AAC (11025 instead of 11024 Hz)",
        ),
        (
            "high_rate.mkv",
            "the pcm_u8 sound of track 1 was encoded to AAC (96000 instead of 192000 Hz)",
        ),
        ("adpcm.avi", "the adpcm_ms sound of track 1 was encoded to AAC"),
        ("quad.mkv", f"{U8} was encoded to AAC"),
        ("surround.mkv", f"{U8} was encoded to AAC"),
        (
            "far_too_many.mkv",
            "the pcm_u8 sound of track 1 was encoded to AAC (8 instead of 16 channels)",
        ),
    ],
)
def test_sound_that_mp4_does_not_hold_is_heard_as_long_and_in_step(
    clips: Clips, name: str, said: str
) -> None:
    (track,), (note,) = extract(clips[name])
    assert note == said
    heard, given = levels_of(track), levels_of(clips[name])
    assert max(heard[:4]) < 0.1 < 0.8 < min(heard[6:18])
    assert len(heard) == pytest.approx(len(given), abs=2)


def levels_of(file: Media) -> list[float]:
    """Return how loud each tenth of a second is, from zero on, the loudest being 1."""
    with opened(file) as container:
        stream = container.streams.audio[0]
        levels, end, mono = [0.0] * 100, 0, AudioResampler("s16", "mono")
        for frame in container.decode(stream):
            first = float(frame.pts * frame.time_base) * 10
            end = round(first + frame.samples / stream.rate * 10)
            pieces = [np.frombuffer(each.planes[0], np.int16) for each in mono.resample(frame)]
            for tenth in range(max(0, round(first)), end):
                loudest = max(int(abs(piece.astype(int)).max()) for piece in pieces)
                levels[tenth] = max(levels[tenth], loudest)
        return [level / max(levels) for level in levels[:end]]


def test_a_track_without_packets_is_left_out(clips: Clips) -> None:
    tracks, notes = extract(clips["plain.mp4"], change=lambda _: False)
    assert tracks == []
    assert notes == ["the aac sound of track 1 is declared but empty: left out"]


def test_sound_whose_packets_are_a_sample_apart_is_left_out_of_mp4(clips: Clips) -> None:
    """FFmpeg takes such sound in an MP4 for uncompressed."""
    given, notes = extract(clips["plain.mp4"], change=a_sample_apart())
    assert given == []
    assert notes == ["the aac sound of track 1 cannot be written to MP4: left out"]
    (track,), notes = extract(clips["plain.mp4"], Container.MKV, a_sample_apart())
    assert notes == []
    assert packets_of(track, "audio") == packets_of(clips["plain.mp4"], "audio")


def a_sample_apart() -> Callable[[av.Packet], bool]:
    samples = count()

    def change(packet: av.Packet) -> bool:
        packet.pts = packet.dts = next(samples)
        packet.duration = 1
        return bool(packet.size)

    return change


def placed(time: Callable[[int, Fraction], Fraction]) -> Callable[[av.Packet], bool]:
    """Return what lets each packet come when `time` says of its number and its own time."""
    numbers = count()

    def change(packet: av.Packet) -> bool:
        if packet.size:
            own = (packet.pts or 0) * packet.time_base
            packet.pts = packet.dts = round(time(next(numbers), own) / packet.time_base)
        return bool(packet.size)

    return change


def in_threes(number: int, _: Fraction) -> Fraction:
    return number // 3 * Fraction(64, 1000)


def all_at_once(_: int, __: Fraction) -> Fraction:
    return Fraction(-16, 1000)


@pytest.mark.parametrize("name", ["plain.mp4", "vorbis.mkv", "flac.mkv", "plain.avi", "pcm.mov"])
@pytest.mark.parametrize("time", [in_threes, all_at_once])
def test_sounds_at_one_time_are_played_one_after_the_other(
    clips: Clips, name: str, time: Callable[[int, Fraction], Fraction]
) -> None:
    (track,), notes = extract(clips[name], change=placed(time))
    assert notes == []
    assert len(track_bytes(track)) == pytest.approx(len(track_bytes(clips[name])), rel=0.01)
    times = times_of(track, "audio")
    assert all(earlier < later for earlier, later in pairwise(times))
    given = times_of(clips[name], "audio")
    length = time(len(given) - 3, Fraction()) if time is in_threes else given[-1] - given[0]
    assert float(times[-1] - times[0]) == pytest.approx(float(length), abs=0.1)


def track_bytes(file: Media) -> bytes:
    return b"".join(packets_of(file, "audio"))


@pytest.mark.parametrize("name", ["plain.mp4", "vorbis.mkv", "pcm.mov", "wma.mkv"])
def test_sound_that_is_over_when_the_video_begins_is_left_out_of_mp4(
    clips: Clips, name: str
) -> None:
    tracks, notes = extract(clips[name], change=placed(lambda _, own: own - 5))
    assert tracks == []
    (note,) = notes
    assert "sound of track 1 is over when the video begins: left out" in note


@pytest.mark.parametrize(
    ("moved", "seconds"), [(Fraction(3, 4), Fraction(11, 4)), (Fraction(-1, 2), Fraction(3, 2))]
)
def test_uncompressed_sound_stays_in_step(clips: Clips, moved: Fraction, seconds: Fraction) -> None:
    """Of the second half, which comes later or sooner than the first one ends."""

    def time(_: int, own: Fraction) -> Fraction:
        return own if own < 1 else own + moved

    (track,), _ = extract(clips["pcm.mov"], change=placed(time))
    given, kept = track_bytes(clips["pcm.mov"]), track_bytes(track)
    a_second = len(given) // 2
    assert len(kept) == pytest.approx(seconds * a_second, abs=0.1 * a_second)
    assert kept.startswith(given[: a_second // 2])
    assert kept.endswith(given[-a_second // 4 :])
    assert (bytes(a_second // 2) in kept) == (moved > 0)


def test_nobody_pays_for_hours_of_silence(clips: Clips) -> None:
    def time(_: int, own: Fraction) -> Fraction:
        return own if own < 1 else own + 3600

    (track,), (note,) = extract(clips["pcm.mov"], change=placed(time))
    assert times_of(track, "audio")[-1] < 1
    assert note.endswith("packets of the pcm_s16le sound of track 1 are damaged: left out")


def test_encrypted_sound_is_left_out(clips: Clips) -> None:
    tracks, notes = extract(clips["encrypted.mp4"])
    assert (tracks, notes) == ([], ["the aac sound of track 1 is encrypted (DRM): left out"])


def test_packets_that_go_back_are_counted(clips: Clips) -> None:
    def back(packet: av.Packet) -> bool:
        if packet.dts is not None and 20 * 1024 <= packet.dts < 24 * 1024:
            packet.pts = packet.dts = 0
        return True

    (track,), notes = extract(clips["plain.mp4"], change=back)
    assert notes == ["4 packets of the aac sound of track 1 are damaged: left out"]
    assert len(packets_of(track, "audio")) == len(packets_of(clips["plain.mp4"], "audio")) - 4


def test_sound_in_several_parts_of_an_edit_list_is_whole(clips: Clips, tmp_path: Path) -> None:
    """What leads a decoder into the second part comes at times of the first, and is not missed."""
    whole = clips["plain.mp4"].read_bytes()
    _, edits = (each for each in boxes(whole) if each.kind == b"elst")
    scale = int.from_bytes(whole[whole.index(b"mvhd") + 16 :][:4])
    parts = ((scale // 2, 24_000), (scale // 2, 72_000))
    rows = b"".join(length.to_bytes(4) + start.to_bytes(4) + b"\0\1\0\0" for length, start in parts)
    (clip := tmp_path / "parts.mp4").write_bytes(
        replaced(whole, edits, box(b"elst", bytes(4) + len(parts).to_bytes(4) + rows))
    )
    (track,), notes = extract(clip)
    assert notes == []
    with opened(clip) as source:
        heard = [bytes(each) for each in source.demux(audio=0) if each.size and not each.is_discard]
    assert set(heard) <= set(packets_of(track, "audio"))


def test_a_track_of_which_nothing_decodes_is_left_out(clips: Clips) -> None:
    def garble(packet: av.Packet) -> bool:
        if packet.size:
            memoryview(packet)[:] = bytes([255]) * packet.size
        return True

    tracks, notes = extract(clips["wma.mkv"], change=garble)
    assert tracks == []
    assert notes == ["nothing of the wmav2 sound of track 1 can be decoded: left out"]


def test_sound_with_a_gap_stays_in_step(clips: Clips) -> None:
    def outside_gap(packet: av.Packet) -> bool:
        return packet.pts is None or not 0.5 < packet.pts * packet.time_base < 1.2

    (track,), _ = extract(clips["wma.mkv"], change=outside_gap)
    last, given = times_of(track, "audio")[-1], times_of(clips["wma.mkv"], "audio")[-1]
    assert last == pytest.approx(given, abs=0.1)


def texts_of(track: bytes) -> list[tuple[Fraction, Fraction, str]]:
    with opened(track) as container:
        found = [
            (packet.pts * packet.time_base, packet.duration * packet.time_base, bytes(packet))
            for packet in container.demux()
            if packet.size > 2
        ]
    return [
        (start, start + length, text[2 : 2 + int.from_bytes(text[:2])].decode())
        for start, length, text in found
    ]


def test_lines_at_once_are_all_to_be_read(clips: Clips) -> None:
    (_, track), _ = extract(clips["at_once.mkv"])
    texts = texts_of(track)

    def at(moment: float) -> str:
        return "".join(text for start, end, text in texts if start <= moment < end)

    assert at(0.25) == ""
    assert at(1.0) == "ONE sings\nTWO translates"
    assert at(2.2) == at(3.5) == "LONG sign"
    assert at(2.7) == "LONG sign\nSHORT speech"
    assert at(3.9) == ""


def test_plain_text_has_no_style_of_its_own(clips: Clips) -> None:
    """Not the black letters of size 0 of a style that FFmpeg's encoder was not told."""
    (_, track), _ = extract(clips["at_once.mkv"])
    with opened(track) as container:
        assert not [packet for packet in container.demux() if b"styl" in bytes(packet)]


def test_pictures_for_subtitles_are_left_out_of_mp4_and_kept_in_matroska(clips: Clips) -> None:
    tracks, notes = extract(clips["bitmaps.mkv"])
    assert tracks == []
    assert notes == ["the hdmv_pgs_subtitle subtitles of track 1 cannot be kept in MP4: left out"]
    (kept,), notes = extract(clips["bitmaps.mkv"], Container.MKV)
    assert codecs_in(kept) == ["hdmv_pgs_subtitle"]
    assert packets_of(kept, "subtitle") == packets_of(clips["bitmaps.mkv"], "subtitle")
    assert notes == []


@pytest.mark.parametrize("name", ["truehd.mkv", "flac.mkv", "tracks.mkv", "vorbis.mkv", "quad.mkv"])
def test_matroska_holds_tracks_as_they_are(clips: Clips, name: str) -> None:
    tracks, notes = extract(clips[name], Container.MKV)
    assert notes == []
    assert codecs_of(tracks) == codecs_in(clips[name])[1:]
    assert [each for track in tracks for each in content_of(track)] == content_of(clips[name])


def content_of(file: Media) -> list[bytes]:
    """Return the packets of sound and subtitles, track by track."""
    with opened(file) as container:
        kinds = [stream.type for stream in container.streams if stream.type in KEPT]
    return [
        packet
        for kind in dict.fromkeys(kinds)
        for number in range(kinds.count(kind))
        for packet in packets_of(file, kind, number)
    ]


def test_more_tracks_than_are_kept_are_counted(clips: Clips) -> None:
    tracks, notes = extract(clips["many.mkv"])
    assert len(tracks) == MOST_TRACKS
    assert notes == ["2 tracks are more than the 64 kept: left out"]
