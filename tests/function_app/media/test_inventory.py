"""Which of several pictures is painted, and what is said of all that a result does not keep."""

import io
from collections.abc import Callable

import av
import pytest

from function_app.media.extras import Sidecar
from function_app.media.inventory import lost, painted_track
from function_app.media.programmes import foreign
from function_app.options.container import Container
from function_app.stages.preprocess import preprocess
from function_app.store import paths
from function_app.store.jobs import Job
from tests.function_app.clips import Clips, opened
from tests.function_app.stages.test_preprocess import content

RULE = "the longest is painted, of equals the default one, then the largest"


@pytest.mark.parametrize(
    ("name", "painted", "others"),
    [
        ("pictures.mkv", 2, {0: "64x48", 1: "96x64"}),
        ("two_pictures.mkv", 1, {0: "96x64"}),
        ("plain.mp4", 0, {}),
    ],
)
def test_the_longest_picture_is_painted_and_the_others_are_named(
    clips: Clips, name: str, painted: int, others: dict[int, str]
) -> None:
    with opened(clips[name]) as container:
        track = painted_track(container)
        assert track is not None
        assert track.index == painted
        assert list(lost(container, painted, Container.MP4)) == [
            f"of several pictures track {painted} is painted, and track {index} ({size}) left "
            f"out: {RULE}"
            for index, size in others.items()
        ]


def test_only_the_sound_of_the_painted_programme_is_kept(
    clips: Clips, upload: Callable[..., Job]
) -> None:
    job = upload(clips["multiplex.ts"], "multiplex.ts")
    notes = preprocess(job).notes
    assert "track 3 belongs to another programme than the picture: left out" in notes
    assert any("track 2 (64x48) left out" in note for note in notes)
    sidecar = Sidecar.from_json(content(paths.JOBS, job.folder.sidecar))
    assert sidecar.tracks == ("track-001.mp4",)


@pytest.mark.parametrize(("before", "after"), [(4, 0), (0, 16)])
def test_programmes_are_found_whatever_is_between_packets(
    clips: Clips, before: int, after: int
) -> None:
    whole = clips["multiplex.ts"].read_bytes()
    packets = [whole[at : at + 188] for at in range(0, len(whole), 188)]
    spaced = b"".join(bytes(before) + packet + bytes(after) for packet in packets)
    with av.open(io.BytesIO(spaced), "r") as container:
        assert foreign(io.BytesIO(spaced), container, container.streams[0]) == {2, 3}
        assert foreign(io.BytesIO(spaced), container, container.streams[3]) == {0, 1}


def test_without_tables_nothing_is_foreign(clips: Clips) -> None:
    with av.open(str(clips["multiplex.ts"]), "r") as container:
        for tables in (b"", b"\x47" * 2000, bytes(3000)):
            assert foreign(io.BytesIO(tables), container, container.streams[0]) == set()


def test_a_cover_is_no_video(clips: Clips) -> None:
    with opened(clips["cover.mp4"]) as container:
        assert painted_track(container) is None


def test_attachments_are_named_where_they_cannot_be_kept(clips: Clips) -> None:
    with opened(clips["attached.mkv"]) as container:
        assert list(lost(container, 0, Container.MKV)) == []
        assert list(lost(container, 0, Container.MP4)) == [
            "the attachment note.txt cannot be kept in MP4: left out"
        ]


def test_chapters_are_kept_so_nothing_is_said_of_the_track_that_mp4_has_them_in(
    clips: Clips, upload: Callable[..., Job]
) -> None:
    job = upload(clips["chapters.mp4"], "chapters.mp4")
    assert preprocess(job).notes == ()
    sidecar = Sidecar.from_json(content(paths.JOBS, job.folder.sidecar))
    assert [each.title for each in sidecar.chapters] == ["First", "Zweites"]


def test_data_that_come_as_often_as_chapters_but_elsewhen_are_named(clips: Clips) -> None:
    texts = clips["texts_and_chapters.mp4"].read_bytes()
    data = texts.replace(b"sbtl", b"meta").replace(b"tx3g", b"gpmd")
    with opened(data) as container:
        assert len(container.chapters()) == len(container.streams[1].index_entries)
        assert list(lost(container, 0, Container.MP4)) == [
            "the data of track 1 (SubtitleHandler) are not kept"
        ]


def test_a_picture_without_a_decoder_is_the_last_choice(clips: Clips) -> None:
    unknown = clips["plain.mp4"].read_bytes().replace(b"avc1", b"zzz1")
    with opened(unknown) as container:
        track = painted_track(container)
        assert track is not None
        assert track.codec_context is None
        assert list(lost(container, -1, Container.MP4)) == [
            f"of several pictures track -1 is painted, and track 0 (in an unknown codec) left out: "
            f"{RULE}"
        ]
