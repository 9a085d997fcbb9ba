"""From a job's folder to its result: every frame at its timestamp, everything else kept."""

import hashlib
import json
import struct
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import pytest
from av.stream import Disposition
from azure.core.exceptions import ResourceNotFoundError

from function_app.errors import InputError, ServiceError
from function_app.options.container import MOVIE_TIMESCALE
from function_app.stages.preprocess import preprocess
from function_app.stages.stitch import Joined, stitch
from function_app.store import paths, storage
from function_app.store.jobs import Job
from function_app.store.results import PROXY, SWATCHES, delete, find, report
from function_app.store.streams import BlobWriter
from fuzz.boxes import boxes
from gpu_worker.plan import POSTER_NAME, SEAL_BYTES, SHEET_NAME, SWATCHES_NAME, Plan
from tests.function_app.clips import (
    RATE,
    Clips,
    Media,
    display_matrix_of,
    frames_of,
    opened,
    packets_of,
    paint,
    times_of,
    zero_of,
)

type Upload = Callable[..., Job]
type Result = Callable[[str], bytes]

# Bytes ahead of each AAC packet in an MPEG transport stream (ISO/IEC 13818-7, 6.2).
ADTS_HEADER = 7
JPEG_END = b"\xff\xd9"


@pytest.fixture
def painted(upload: Upload) -> Callable[..., Job]:
    """Return a way to bring a clip to the point where it is to be stitched."""

    def paint_clip(clip: Path, name: str = "", **metadata: str) -> Job:
        # A stem of its own, so that each has the first name for a result.
        name = name or f"{clip.stem} {clip.suffix[1:]}{clip.suffix}"
        job = upload(clip, name, metadata=metadata)
        work = preprocess(job)
        source = read(work.source_container, work.source_blob)
        for shard, content in paint(plan_of(job), source).items():
            storage.write(paths.JOBS, job.folder.shard(shard), content, "video/mp4")
        return job

    return paint_clip


@pytest.fixture(scope="module")
def results() -> dict[str, bytes]:
    """Results by the name of their clip, each made when it is first asked for."""
    return {}


@pytest.fixture
def result_of_clip(
    clips: Clips, painted: Callable[[Path], Job], results: dict[str, bytes]
) -> Result:
    """Return a way to get the result of a clip."""

    def result(name: str) -> bytes:
        if name not in results:
            job = painted(clips[name])
            assert stitch(job) == Joined()
            results[name] = result_of(job)
        return results[name]

    return result


def plan_of(job: Job) -> Plan:
    return Plan.from_json(read(paths.JOBS, job.folder.plan))


def read(container: str, blob_name: str) -> bytes:
    return storage.blob(container, blob_name).download_blob().readall()


def result_of(job: Job) -> bytes:
    return read(paths.RESULTS, job.video.painted)


def tick_of(file: Media) -> Fraction:
    with opened(file) as container:
        return container.streams.best("video").time_base


def assert_same_frames(result: bytes, source: Path) -> None:
    """Every frame once, at its timestamp to within a tick of the coarsest time base."""
    made, given = frames_of(result), frames_of(source)
    assert len(made) == len(given)
    tick = max(tick_of(result), tick_of(source), Fraction(1, MOVIE_TIMESCALE))
    zero = zero_of(source)
    assert all(abs(a.time - b.time + zero) <= tick for a, b in zip(made, given, strict=True))
    assert all(abs(a.grey - b.grey) <= 3 for a, b in zip(made, given, strict=True))


@pytest.mark.parametrize(
    "name",
    [
        "plain.mp4", "one_keyframe.mp4", "one_frame.mp4", "three_frames.mp4", "vfr.mp4", "vfr.mkv",
        "ntsc.mov", "fragmented.mp4", "odd.webm", "vp8.webm", "rotated.mp4", "offset.mp4",
        "offset.mkv", "late_sound.mkv", "tracks.mkv", "plain.ts", "plain.avi", "gaps.avi",
        "mpeg4.mp4", "mpeg2.mpg", "cut.mp4", "plain.wtv", "plain.gxf",
    ],
)  # fmt: skip
def test_every_frame_comes_back_once_at_its_timestamp(
    clips: Clips, result_of_clip: Result, name: str
) -> None:
    assert_same_frames(result_of_clip(name), clips[name])


@pytest.mark.parametrize(
    "name",
    ["plain.mp4", "offset.mp4", "offset.mkv", "late_sound.mkv", "pcm.mov", "flac.mkv",
     "vorbis.mkv", "plain.ts", "plain.avi", "mpeg2.mpg", "fragmented.mp4", "vp8.webm",
     "plain.wtv"],
)  # fmt: skip
def test_sound_comes_back_bit_for_bit_and_in_sync(
    clips: Clips, result_of_clip: Result, name: str
) -> None:
    result = result_of_clip(name)
    header = ADTS_HEADER if name == "plain.ts" else 0
    given = b"".join(packet[header:] for packet in packets_of(clips[name], "audio"))
    assert b"".join(packets_of(result, "audio")) == given
    heard, given = times_of(result, "audio"), times_of(clips[name], "audio")
    zero = zero_of(clips[name])
    assert abs(heard[0] - given[0] + zero) <= Fraction(1, 1000)
    assert abs(heard[-1] - given[-1] + zero) <= Fraction(1, 20)


def test_every_track_keeps_its_language_title_and_role(
    clips: Clips, result_of_clip: Result
) -> None:
    result = result_of_clip("tracks.mkv")
    for number in (0, 1):
        made = packets_of(result, "audio", number)
        assert made == packets_of(clips["tracks.mkv"], "audio", number)
    with opened(result) as container:
        tracks = [
            (stream.type, stream.codec_context.name, stream.metadata.get("language"))
            for stream in container.streams
            if stream.type in {"audio", "subtitle"}
        ]
        default = [bool(stream.disposition & 1) for stream in container.streams.audio]
    assert tracks == [
        ("audio", "aac", "fra"),
        ("audio", "opus", "deu"),
        ("subtitle", "mov_text", "eng"),
        ("subtitle", "mov_text", "nld"),
    ]
    assert default == [False, True]


def test_subtitles_come_back_as_timed_text(result_of_clip: Result) -> None:
    result = result_of_clip("tracks.mkv")
    english = [packet[2:].split(b"\0")[0] for packet in packets_of(result, "subtitle")]
    assert [text.decode() for text in english if text] == ["Hello", "World & all"]
    starts = times_of(result, "subtitle")
    shown = [float(time) for time, text in zip(starts, english, strict=True) if text]
    assert shown == pytest.approx([0.2, 1.0], abs=0.001)


def test_chapters_and_metadata_come_back(result_of_clip: Result) -> None:
    with opened(result_of_clip("tracks.mkv")) as container:
        chapters = [
            (
                float(chapter["start"] * chapter["time_base"]),
                float(chapter["end"] * chapter["time_base"]),
                chapter["metadata"]["title"],
            )
            for chapter in container.chapters()
        ]
        assert chapters == [(0.0, 0.75, "First"), (0.75, 2.0, "Zweites")]
        assert container.metadata["title"] == "A film"
        assert container.metadata["artist"] == "Somebody"


def test_what_a_phone_says_of_itself_comes_back(result_of_clip: Result) -> None:
    with opened(result_of_clip("phone.mov")) as container:
        said = container.metadata
    assert said["com.apple.quicktime.make"] == "Apple"
    assert (said["make"], said["title"]) == ("Canon", "Trip")


def cover_of(file: Media) -> bytes:
    with opened(file) as container:
        stream = container.streams.video[1]
        assert stream.disposition == Disposition.attached_pic
        return b"".join(bytes(packet) for packet in container.demux(stream) if packet.size)


def test_a_cover_comes_back(clips: Clips, result_of_clip: Result) -> None:
    assert cover_of(result_of_clip("covered.mp4")) == clips["picture.png"].read_bytes()


def test_a_cover_comes_back_in_matroska(clips: Clips, painted: Callable[..., Job]) -> None:
    job = painted(clips["covered.mp4"], container="mkv")
    assert stitch(job) == Joined()
    assert cover_of(result_of(job)) == clips["picture.png"].read_bytes()


def test_a_cover_that_mp4_cannot_hold_is_noted(clips: Clips, upload: Upload) -> None:
    (note,) = preprocess(upload(clips["covered_phone.mkv"], "covered_phone.mkv")).notes
    why = "cannot be kept in MP4 beside what the camera says of itself"
    assert note == f"the cover picture of track 2 {why}: left out"


def test_orientation_comes_back(clips: Clips, result_of_clip: Result) -> None:
    result = result_of_clip("rotated.mp4")
    assert display_matrix_of(result) == display_matrix_of(clips["rotated.mp4"]) != ()


def test_the_shape_of_pixels_comes_back(result_of_clip: Result) -> None:
    with opened(result_of_clip("anamorphic.mp4")) as container:
        assert container.streams.video[0].sample_aspect_ratio == Fraction(4, 3)


@pytest.mark.parametrize(
    ("name", "primaries", "transfer", "matrix", "colour_range"),
    [
        ("full_range.mp4", 1, 13, 1, 2),
        ("pal.mp4", 5, 6, 5, 1),
        ("pq.mp4", 1, 1, 1, 1),
        ("plain.mp4", 6, 6, 6, 1),
    ],
)
def test_colours_are_tagged_as_planned(
    result_of_clip: Result,
    name: str,
    primaries: int,
    transfer: int,
    matrix: int,
    colour_range: int,
) -> None:
    with opened(result_of_clip(name)) as container:
        context = container.streams.video[0].codec_context
        assert (
            context.color_primaries,
            context.color_trc,
            context.colorspace,
            context.color_range,
        ) == (primaries, transfer, matrix, colour_range)


def test_the_index_stands_ahead_of_the_data(result_of_clip: Result) -> None:
    content = result_of_clip("tracks.mkv")
    assert 0 < content.index(b"moov") < content.index(b"mdat")


def test_the_workers_pictures_stand_beside_the_result(
    clips: Clips, painted: Callable[[Path], Job]
) -> None:
    job = painted(clips["plain.mp4"])
    for name in (POSTER_NAME, SHEET_NAME):
        storage.write(paths.JOBS, job.folder.output(name), name.encode() + JPEG_END, "image/jpeg")
    stitch(job)
    assert storage.read(paths.RESULTS, job.video.poster) == POSTER_NAME.encode() + JPEG_END
    assert storage.read(paths.RESULTS, job.video.sheet) == SHEET_NAME.encode() + JPEG_END


def test_what_other_styles_would_make_of_it_stands_beside_the_result_and_goes_with_it(
    clips: Clips, painted: Callable[..., Job]
) -> None:
    job = painted(clips["one_frame.mp4"], "swatches.mp4")
    storage.write(paths.JOBS, job.folder.output(SWATCHES_NAME), b'{"scream": ""}', "")
    place = paths.beside(stitch(job).result, SWATCHES)
    assert storage.read(paths.RESULTS, place) == b'{"scream": ""}'
    again = painted(clips["three_frames.mp4"], "swatches.mp4")
    stitch(again)
    assert storage.read(paths.RESULTS, place) is None
    storage.write(paths.RESULTS, place, b"{}", "")
    delete(again)
    assert storage.read(paths.RESULTS, place) is None


def test_a_copy_for_browsers_stands_beside_the_result(
    clips: Clips, painted: Callable[..., Job]
) -> None:
    job = painted(clips["plain.ts"], "copied.ts")
    plan = plan_of(job)
    assert plan.needs_proxy
    for shard in plan.shards:
        sealed = read(paths.JOBS, job.folder.shard(shard))
        storage.write(paths.JOBS, job.folder.output(shard.proxy_name), sealed, "video/mp4")
    result = stitch(job).result
    copy = read(paths.RESULTS, paths.beside(result, PROXY))
    copied, times = (times_of(each, "video") for each in (copy, read(paths.RESULTS, result)))
    assert copied == times
    with opened(copy) as container:
        assert [stream.type for stream in container.streams] == ["video"]
    delete(job)
    assert storage.read(paths.RESULTS, paths.beside(result, PROXY)) is None


def test_half_a_copy_for_browsers_is_none(clips: Clips, painted: Callable[..., Job]) -> None:
    job = painted(clips["plain.ts"], "half copied.ts")
    result = stitch(job).result
    assert storage.read(paths.RESULTS, paths.beside(result, PROXY)) is None
    assert storage.read(paths.RESULTS, result) is not None


def test_half_a_picture_is_none(clips: Clips, painted: Callable[[Path], Job]) -> None:
    job = painted(clips["one_frame.mp4"])
    storage.write(paths.JOBS, job.folder.output(POSTER_NAME), b"half a JPEG", "image/jpeg")
    stitch(job)
    assert storage.read(paths.RESULTS, job.video.poster) is None


def test_half_a_list_of_damaged_frames_has_its_shard_painted_again(
    clips: Clips, painted: Callable[..., Job]
) -> None:
    job = painted(clips["three_frames.mp4"], "half a list.mp4")
    half = job.folder.output(plan_of(job).shards[0].damage_name)
    storage.write(paths.JOBS, half, b'{"frames": [', "application/json")
    assert stitch(job) == Joined(lost=1)
    assert storage.read(paths.RESULTS, job.video.painted) is None


def test_a_result_ends_the_report_of_an_earlier_failure(
    clips: Clips, painted: Callable[[Path], Job]
) -> None:
    job = painted(clips["one_frame.mp4"])
    report = job.video.report
    storage.write(paths.RESULTS, report, "{}", "application/json")
    stitch(job)
    assert storage.read(paths.RESULTS, report) is None


def test_stitching_again_leaves_the_result_as_it_is(
    clips: Clips, painted: Callable[[Path], Job]
) -> None:
    job = painted(clips["three_frames.mp4"])
    stitch(job)
    result = storage.blob(paths.RESULTS, job.video.painted)
    before = result.get_blob_properties().etag
    storage.delete_all(paths.JOBS, job.folder.root)
    assert stitch(job) == Joined()
    assert result.get_blob_properties().etag == before


def test_a_video_may_ask_for_matroska(clips: Clips, upload: Upload) -> None:
    job = upload(clips["attached.mkv"], "asked.mkv", metadata={"Container": "MKV"})
    work = preprocess(job)
    assert work.notes == ()
    source = read(work.source_container, work.source_blob)
    for shard, content in paint(plan_of(job), source).items():
        storage.write(paths.JOBS, job.folder.shard(shard), content, "video/mp4")
    joined = stitch(job)
    assert joined == Joined(result="plain/asked.mkv")
    result = storage.blob(paths.RESULTS, joined.result).download_blob()
    assert result.properties.content_settings.content_type == "video/x-matroska"
    content = result.readall()
    assert_same_frames(content, clips["tracks.mkv"])
    with opened(content) as container:
        kept = [
            (stream.codec_context.codec.canonical_name, stream.metadata.get("language"))
            for stream in container.streams
            if stream.codec_context
        ]
        files = [(each.name, each.mimetype, each.data) for each in container.streams.attachments]
        titles = [chapter["metadata"]["title"] for chapter in container.chapters()]
    assert kept == [("h264", None), ("aac", "fra"), ("opus", "deu"), ("subrip", "eng"),
                    ("ass", "nld")]  # fmt: skip
    assert titles == ["First", "Zweites"]
    assert files == [("note.txt", "text/plain", clips["words.srt"].read_bytes())]


def test_a_container_that_there_is_not_is_refused(clips: Clips, upload: Upload) -> None:
    job = upload(clips["plain.mp4"], "asked.mp4", metadata={"container": "avi"})
    with pytest.raises(InputError, match="the container 'avi' is neither mp4 nor mkv"):
        preprocess(job)


def shorten(commit: Callable[..., None]) -> Callable[..., None]:
    """Return a way to finish a result whose picture ends a frame early, as a wrong muxer might."""

    def commit_short(writer: BlobWriter) -> None:
        head: bytearray = writer._head
        entry = next(box for box in boxes(bytes(head)) if box.kind == b"elst").start + 16
        (duration,) = struct.unpack_from(">I", head, entry)
        struct.pack_into(">I", head, entry, duration - MOVIE_TIMESCALE // RATE)
        commit(writer)

    return commit_short


def test_a_result_that_ends_early_is_never_seen(
    fresh: Callable[[str], Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = fresh("short.mp4")
    with monkeypatch.context() as planted:
        planted.setattr(BlobWriter, "commit_draft", shorten(BlobWriter.commit_draft))
        planted.setattr(BlobWriter, "commit", None)
        differs = "the result is not what it should be: a player reaches 47 frames, not 48"
        assert stitch(job) == Joined(differs=differs)
    assert_no_result(job)
    assert stitch(job) == Joined()


def test_what_is_proved_is_what_is_seen(clips: Clips, painted: Callable[[Path], Job]) -> None:
    job = painted(clips["tracks.mkv"])
    stitch(job)
    assert read(paths.JOBS, job.folder.draft) == result_of(job)


@pytest.fixture
def fresh(clips: Clips, painted: Callable[[Path], Job]) -> Callable[[str], Job]:
    """Return a way to bring a clip, under a name of its own, to where it is to be stitched."""

    def bring(name: str) -> Job:
        (clip := clips["plain.mp4"].with_name(name)).write_bytes(clips["plain.mp4"].read_bytes())
        return painted(clip)

    return bring


def shard_names(job: Job) -> list[str]:
    return [job.folder.shard(shard) for shard in plan_of(job).shards]


def assert_no_result(job: Job) -> None:
    with pytest.raises(ResourceNotFoundError):
        result_of(job)


def test_a_missing_shard_is_counted_and_nothing_shown(fresh: Callable[[str], Job]) -> None:
    job = fresh("missing.mp4")
    storage.blob(paths.JOBS, shard_names(job)[2]).delete_blob()
    assert stitch(job) == Joined(lost=1)
    assert_no_result(job)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[: len(content) // 2],
        lambda content: content[:999] + bytes([content[999] ^ 1]) + content[1000:],
        lambda content: content[:-1],
        lambda content: content[:-SEAL_BYTES],
        lambda content: content + b"more",
        lambda _: b"",
    ],
    ids=["half", "one bit", "cut seal", "no seal", "more", "empty"],
)
def test_a_damaged_shard_is_deleted_to_be_painted_again(
    fresh: Callable[[str], Job], damage: Callable[[bytes], bytes]
) -> None:
    job = fresh("damaged shard.mp4")
    sound, *others = shard_names(job)
    for name in others[:2]:
        storage.write(paths.JOBS, name, damage(read(paths.JOBS, name)), "video/mp4")
    assert stitch(job) == Joined(lost=2)
    left = set(storage.names(paths.JOBS, job.folder.work))
    assert sound in left
    assert not left & set(others[:2])
    assert_no_result(job)


def test_a_shard_in_anothers_place_is_not_taken_for_it(fresh: Callable[[str], Job]) -> None:
    job = fresh("exchanged.mp4")
    first, second, *_ = shard_names(job)
    storage.write(paths.JOBS, second, read(paths.JOBS, first), "video/mp4")
    assert stitch(job) == Joined(lost=1)


def test_a_shard_of_another_job_is_not_taken(fresh: Callable[[str], Job]) -> None:
    job, other = fresh("own.mp4"), fresh("other.mp4")
    foreign = read(paths.JOBS, shard_names(other)[0])
    storage.write(paths.JOBS, shard_names(job)[0], foreign, "video/mp4")
    assert stitch(job) == Joined(lost=1)


def test_a_video_replaced_while_it_was_painted_gets_no_result(
    fresh: Callable[[str], Job], upload: Upload
) -> None:
    job = fresh("replaced later.mp4")
    upload(b"another video", job.name)
    with pytest.raises(InputError, match="was replaced by a newer upload"):
        stitch(job)
    assert_no_result(job)


def test_a_video_deleted_while_it_was_painted_gets_no_result(fresh: Callable[[str], Job]) -> None:
    job = fresh("deleted later.mp4")
    storage.blob(paths.VIDEOS, job.video.blob).delete_blob()
    with pytest.raises(InputError, match="was deleted before its job ended"):
        stitch(job)
    assert_no_result(job)


def test_a_result_of_another_video_is_not_replaced(
    clips: Clips, painted: Callable[..., Job]
) -> None:
    names = ("same name.mp4", "same name.mov")
    job, other = (painted(clips["plain.mp4"], name) for name in names)
    for each in (job, other):
        poster = each.name.encode() + b"\xff\xd9"  # a JPEG ends in that
        storage.write(paths.JOBS, each.folder.output(POSTER_NAME), poster, "image/jpeg")
    assert stitch(job).result == job.video.painted
    before = result_of(job)
    place = stitch(other).result
    assert place == f"{other.style}/same name.mov.mp4"
    assert (result_of(job), storage.read(paths.RESULTS, place) is None) == (before, False)
    posters = [paths.beside(each, ".jpg") for each in (job.video.painted, place)]
    assert [storage.read(paths.RESULTS, each) for each in posters] == [
        b"same name.mp4\xff\xd9",
        b"same name.mov\xff\xd9",
    ]
    assert stitch(other).result == place, "an answer that was lost is given again"
    delete(job)
    assert stitch(other).result == place, "though the first place is free by now"
    delete(other)
    assert find(other) is None


def test_results_in_other_containers_have_pictures_of_their_own(
    clips: Clips, painted: Callable[..., Job]
) -> None:
    job = painted(clips["plain.mp4"], "one stem.mp4")
    other = painted(clips["plain.mp4"], "one stem.mov", container="mkv")
    for each in (job, other):
        poster = each.name.encode() + b"\xff\xd9"
        storage.write(paths.JOBS, each.folder.output(POSTER_NAME), poster, "image/jpeg")
    places = [stitch(each).result for each in (job, other)]
    assert places == [f"{job.style}/one stem.mp4", f"{job.style}/one stem.mov.mkv"]
    assert [storage.read(paths.RESULTS, paths.beside(each, ".jpg")) for each in places] == [
        b"one stem.mp4\xff\xd9",
        b"one stem.mov\xff\xd9",
    ]
    assert find(other) == places[1]
    delete(other)
    assert storage.read(paths.RESULTS, paths.beside(places[0], ".jpg")) is not None


def test_each_video_has_the_report_of_its_own_failure(upload: Upload) -> None:
    jobs = [upload(name.encode(), name) for name in ("fell.mov", "fell.mp4", "fell.mkv")]
    for job in jobs:
        report(job, f"{job.name} is none", "not-a-video")
    report(jobs[1], "fell.mp4 is none still", "not-a-video")
    said = {
        blob: json.loads(storage.read(paths.RESULTS, blob) or b"{}")["error"]
        for blob in storage.names(paths.RESULTS, f"{jobs[0].style}/fell")
    }
    assert {name.partition("/")[2]: error for name, error in said.items()} == {
        "fell.error.json": "fell.mov is none",
        "fell.mp4.error.json": "fell.mp4 is none still",
        "fell.mkv.error.json": "fell.mkv is none",
    }
    for job in jobs:
        delete(job)
    assert not list(storage.names(paths.RESULTS, f"{jobs[0].style}/fell"))


def test_a_result_leaves_the_report_about_another_video(
    clips: Clips, painted: Callable[..., Job], upload: Upload
) -> None:
    job, other = painted(clips["one_frame.mp4"], "fails.mp4"), upload(b"2", "fails.mov")
    report(other, "fails.mov is none", "not-a-video")
    stitch(job)
    delete(job)
    assert b"fails.mov is none" in (storage.read(paths.RESULTS, other.video.report) or b"")
    delete(other)
    assert storage.read(paths.RESULTS, other.video.report) is None


def test_a_result_carries_its_checksums(fresh: Callable[[str], Job]) -> None:
    job = fresh("summed.mp4")
    stitch(job)
    result = storage.blob(paths.RESULTS, job.video.painted)
    content, sums = result_of(job), result.get_blob_properties().metadata
    head = int(sums["head_bytes"])
    assert 0 < head <= len(content)
    assert sums["head_sha256"] == hashlib.sha256(content[:head]).hexdigest()
    assert sums["tail_sha256"] == hashlib.sha256(content[head:]).hexdigest()


def damage(
    job: Job,
    frames: Sequence[int] = (),
    concealed: Sequence[int] = (),
    scaled: Sequence[int] = (),
) -> None:
    said = {"frames": [*frames], "concealed": [*concealed], "scaled": [*scaled]}
    name = job.folder.output(plan_of(job).shards[0].damage_name)
    storage.write(paths.JOBS, name, json.dumps(said), "application/json")


def test_damaged_frames_are_noted_with_their_times(
    clips: Clips, painted: Callable[[Path], Job]
) -> None:
    job = painted(clips["plain.mp4"])
    damage(job, range(12, 36))
    assert stitch(job).note == (
        "24 of 48 frames cannot be decoded, from 0:00:00.5 to 0:00:01.5: "
        "the frame before stands in for each"
    )


def test_a_video_of_which_the_most_is_damaged_is_refused(
    clips: Clips, painted: Callable[[Path], Job]
) -> None:
    job = painted(clips["plain.mp4"])
    damage(job, range(25))
    with pytest.raises(InputError, match="is damaged: 25 of its 48 frames cannot be decoded"):
        stitch(job)


def test_frames_that_decoded_with_errors_are_noted_with_their_times(
    clips: Clips, painted: Callable[[Path], Job]
) -> None:
    job = painted(clips["plain.mp4"])
    damage(job, concealed=range(12, 31))
    assert stitch(job).note == (
        "19 of 48 frames decode with errors, from 0:00:00.5 to 0:00:01.2: "
        "painted as FFmpeg conceals them"
    )


def test_frames_of_another_size_are_noted(clips: Clips, painted: Callable[[Path], Job]) -> None:
    job = painted(clips["ntsc.mov"])
    damage(job, scaled=range(30, 48))
    assert stitch(job).note == (
        "the size of the picture changes: 18 frames from 0:00:01.0 on were scaled to that of the "
        "first"
    )


def test_a_video_that_decodes_with_errors_throughout_is_refused(
    clips: Clips, painted: Callable[[Path], Job]
) -> None:
    job = painted(clips["plain.mp4"])
    damage(job, concealed=range(44))
    with pytest.raises(InputError, match="44 of its 48 frames decode with errors: use a copy"):
        stitch(job)


def test_a_job_without_a_plan_is_refused(clips: Clips, upload: Upload) -> None:
    job = upload(clips["plain.mp4"], "unplanned.mp4")
    with pytest.raises(ServiceError, match=r"plan\.json is missing from the job's folder"):
        stitch(job)
