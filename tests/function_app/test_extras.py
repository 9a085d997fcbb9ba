"""What is kept of sound and subtitles, in what form, and what is said of the rest."""

import io
from collections.abc import Sequence
from pathlib import Path

import pytest

from function_app.extras import (
    Chapter,
    ExtrasWriter,
    Sidecar,
    chapters_of,
    head_size,
    index_size,
    metadata_of,
)
from tests.function_app.media import Clips, Media, opened, packets_of, times_of


def extract(clip: Path) -> tuple[bytes, Sequence[str]]:
    """Write the extras of a clip; return the file and what could not be kept."""
    out = io.BytesIO()
    with opened(clip) as source:
        writer = ExtrasWriter(source, out)
        for packet in source.demux([source.streams[index] for index in writer.sinks]):
            writer.sinks[packet.stream.index](packet)
        writer.close()
    return out.getvalue(), writer.notes


def codecs_of(file: Media) -> list[str]:
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
    assert b"".join(packets_of(extras, "audio")) == b"".join(packets_of(clips[name], "audio"))
    assert notes == []


@pytest.mark.parametrize(("name", "codec"), [("mulaw.mov", "pcm_mulaw"), ("wma.mkv", "wmav2")])
def test_other_sound_is_encoded_to_aac_and_that_is_said(
    clips: Clips, name: str, codec: str
) -> None:
    extras, notes = extract(clips[name])
    assert codecs_of(extras) == ["aac"]
    assert notes == [f"the {codec} sound of track 1 was encoded to AAC"]
    made, given = times_of(extras, "audio"), times_of(clips[name], "audio")
    assert float(made[-1]) == pytest.approx(float(given[-1]), abs=0.1)


def test_text_subtitles_become_timed_text(clips: Clips) -> None:
    extras, notes = extract(clips["tracks.mkv"])
    assert codecs_of(extras) == ["aac", "opus", "mov_text", "mov_text"]
    assert notes == []
    texts = [packet[2:] for packet in packets_of(extras, "subtitle", 1)]
    assert [text.decode() for text in texts if text] == ["Hallo"]


def test_sound_keeps_its_distance_to_the_picture(clips: Clips) -> None:
    extras, _ = extract(clips["late_sound.mkv"])
    given = times_of(clips["late_sound.mkv"], "audio")
    assert times_of(extras, "audio")[:3] == pytest.approx(given[:3], abs=0.0005)


def test_a_silent_clip_has_no_sinks(clips: Clips) -> None:
    with opened(clips["one_keyframe.mp4"]) as source:
        assert ExtrasWriter(source, io.BytesIO()).sinks == {}


@pytest.mark.parametrize("name", ["plain.mp4", "tracks.mkv", "plain.ts", "mpeg2.mpg"])
def test_the_index_fits_into_the_head(clips: Clips, name: str) -> None:
    extras, _ = extract(clips[name])
    with opened(clips[name]) as source:
        assert extras.index(b"moov") < extras.index(b"mdat") <= head_size(source) + 4096


def test_the_index_grows_with_the_packets() -> None:
    assert index_size(0) > 0
    assert index_size(10**6) - index_size(0) >= 32 * 10**6


def test_chapters_and_metadata_are_read(clips: Clips) -> None:
    with opened(clips["tracks.mkv"]) as source:
        assert chapters_of(source) == (Chapter(0, 0.75, "First"), Chapter(0.75, 2, "Zweites"))
        metadata = {key.lower(): value for key, value in metadata_of(source).items()}
    assert metadata == {"title": "A film", "artist": "Somebody"}


def test_a_sidecar_survives_json() -> None:
    sidecar = Sidecar((Chapter(0, 1.5, "Früh"),), {"title": "☃"}, 3)
    assert Sidecar.from_json(sidecar.to_json()) == sidecar


def test_samples_of_uncompressed_sound_do_not_count_as_packets(clips: Clips) -> None:
    with opened(clips["pcm.mov"]) as source:
        samples = source.streams.audio[0].frames
        assert samples == 96_000
        assert head_size(source) < index_size(samples // 100)
