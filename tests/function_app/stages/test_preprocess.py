"""From an uploaded video to its plan, through Azurite."""

import json
import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from function_app.errors import InputError
from function_app.media.extras import Sidecar
from function_app.stages.preprocess import preprocess
from function_app.store import paths, storage
from function_app.store.jobs import Job, Work
from gpu_worker.frames.decode import frames
from gpu_worker.plan import REACH, Blend, Plan
from tests.function_app.clips import PLAYLISTS, Clips, ffmpeg, frames_of, packets_of, zero_of
from tests.function_app.made_styles import style_file
from tests.real_videos import REAL_VIDEOS

IVF_HEADER, IVF_FRAME_HEADER = 32, 12

type Upload = Callable[..., Job]


def plan_of(job: Job) -> Plan:
    return Plan.from_json(content(paths.JOBS, job.folder.plan))


def content(container: str, blob_name: str) -> bytes:
    return storage.blob(container, blob_name).download_blob().readall()


@pytest.mark.parametrize(
    "name",
    [
        "plain.mp4", "one_keyframe.mp4", "one_frame.mp4", "three_frames.mp4", "vfr.mp4",
        "ntsc.mov", "fragmented.mp4", "odd.webm", "offset.mp4", "offset.mkv", "late_sound.mkv",
    ],
)  # fmt: skip
def test_every_frame_is_planned_once_at_its_timestamp(
    clips: Clips, upload: Upload, name: str
) -> None:
    job = upload(clips[name], name)
    work = preprocess(job)
    plan, frames = plan_of(job), frames_of(clips[name])
    usual = {"strength": 1.0, "preserve_colour": False, "container": "mp4"}
    assert work == Work(paths.VIDEOS, f"plain/{name}", len(frames), 1, (), options=usual)
    assert plan.source == plan.result
    assert [pts * plan.result.seconds_per_tick for pts in plan.result] == [f.time for f in frames]
    assert plan.job_id == job.job_id


def test_what_the_uploader_says_about_the_painting_is_planned(clips: Clips, upload: Upload) -> None:
    said = {"strength": "0.3", "preserve_colour": "true", "container": "mkv"}
    job = upload(clips["plain.mp4"], "blended.mp4", metadata=said)
    noted = preprocess(job).options
    assert plan_of(job).blend == Blend(0.3, preserve_colour=True)
    assert noted == {"strength": 0.3, "preserve_colour": True, "container": "mkv"}


def test_a_strength_of_no_use_is_refused(clips: Clips, upload: Upload) -> None:
    job = upload(clips["plain.mp4"], "too strong.mp4", metadata={"strength": "11"})
    with pytest.raises(InputError, match="the strength '11' is not a number from 0 to 1"):
        preprocess(job)


@pytest.mark.parametrize("file", sorted(REAL_VIDEOS.glob("*")), ids=lambda file: file.name)
def test_every_real_video_is_planned_whole(upload: Upload, file: Path) -> None:
    job = upload(file, file.name)
    preprocess(job)
    assert result_times(plan_of(job)) == since_zero(file)


def result_times(plan: Plan) -> list[Fraction]:
    return [pts * plan.result.seconds_per_tick for pts in plan.result]


def since_zero(file: Path) -> list[Fraction]:
    return [frame.time - zero_of(file) for frame in frames_of(file)]


@pytest.mark.parametrize(
    "name", ["plain.ts", "plain.avi", "gaps.avi", "mpeg4.mp4", "mpeg2.mpg", "theora.ogg"]
)
def test_what_does_not_seek_exactly_is_copied_to_matroska(
    clips: Clips, upload: Upload, name: str
) -> None:
    job = upload(clips[name], name)
    work = preprocess(job)
    plan, frames = plan_of(job), frames_of(clips[name])
    assert (work.source_container, work.source_blob) == (paths.JOBS, job.folder.source(".mkv"))
    assert result_times(plan) == since_zero(clips[name])
    copied = frames_of(content(paths.JOBS, work.source_blob))
    assert [pts * plan.source.seconds_per_tick for pts in plan.source] == [f.time for f in copied]
    assert [frame.grey for frame in copied] == [frame.grey for frame in frames]


def test_preprocessing_again_gives_the_same(clips: Clips, upload: Upload) -> None:
    job = upload(clips["tracks.mkv"], "tracks.mkv")
    first = preprocess(job), content(paths.JOBS, job.folder.plan)
    assert (preprocess(job), content(paths.JOBS, job.folder.plan)) == first


def test_shards_keep_every_rank_busy_though_there_is_one_keyframe(
    clips: Clips, upload: Upload, configure: Callable[..., None]
) -> None:
    configure(AML_PROCESSES_PER_NODE="3")
    same = style_file(flop_per_pixel="0.0")
    storage.write(paths.STYLES, paths.style("same"), same, "application/octet-stream")
    job = upload(clips["one_keyframe.mp4"], "clip.mp4", style="same")
    preprocess(job)
    assert [len(shard) for shard in plan_of(job).shards] == [4] * 12
    assert plan_of(job).reach == 0


def test_painted_frames_are_steadied_and_shards_so_long_that_it_pays(
    clips: Clips, upload: Upload, configure: Callable[..., None]
) -> None:
    configure(AML_PROCESSES_PER_NODE="3")
    job = upload(clips["one_keyframe.mp4"], "clip.mp4")
    preprocess(job)
    assert plan_of(job).reach == REACH
    assert [len(shard) for shard in plan_of(job).shards] == [12] * 4


def test_a_video_that_stays_as_it_is_is_not_steadied(clips: Clips, upload: Upload) -> None:
    job = upload(clips["plain.mp4"], "clip.mp4", metadata={"strength": "0"})
    preprocess(job)
    assert plan_of(job).reach == 0


def test_a_shard_is_entered_where_its_neighbours_can_be_decoded(
    clips: Clips, upload: Upload
) -> None:
    job = upload(clips["plain.mp4"], "clip.mp4")
    preprocess(job)
    assert all(shard.entry <= max(0, shard.first - REACH) for shard in plan_of(job).shards)


def test_the_encoder_is_told_what_the_settings_say(
    clips: Clips, upload: Upload, configure: Callable[..., None]
) -> None:
    configure(ENCODER_CRF="23", ENCODER_PRESET="slow")
    job = upload(clips["one_frame.mp4"], "clip.mp4")
    preprocess(job)
    encoding = plan_of(job).encoding
    assert (encoding.crf, encoding.preset) == (23, "slow")


@pytest.mark.parametrize("name", ["a b.mp4", "Zürich.mp4", "100%2F.mp4", "$(id).mp4"])
def test_a_name_that_tools_misread_is_copied_to_a_plain_one(
    clips: Clips, upload: Upload, name: str
) -> None:
    job = upload(clips["one_frame.mp4"], name)
    work = preprocess(job)
    assert (work.source_container, work.source_blob) == (paths.JOBS, job.folder.source(".mp4"))
    assert content(paths.JOBS, work.source_blob) == clips["one_frame.mp4"].read_bytes()


def test_sound_subtitles_chapters_and_metadata_are_kept_aside(clips: Clips, upload: Upload) -> None:
    job = upload(clips["tracks.mkv"], "tracks.mkv")
    work = preprocess(job)
    assert [note.partition(" are ")[0] for note in work.notes] == ["the ass subtitles of track 4"]
    sidecar = Sidecar.from_json(content(paths.JOBS, job.folder.sidecar))
    assert len(sidecar.tracks) == 4
    assert [chapter.title for chapter in sidecar.chapters] == ["First", "Zweites"]
    track = content(paths.JOBS, job.folder.extra(sidecar.tracks[0]))
    assert packets_of(track, "audio") == packets_of(clips["tracks.mkv"], "audio")


def test_a_silent_video_has_no_extras(clips: Clips, upload: Upload) -> None:
    job = upload(clips["one_keyframe.mp4"], "clip.mp4")
    preprocess(job)
    assert Sidecar.from_json(content(paths.JOBS, job.folder.sidecar)).tracks == ()
    assert not list(storage.names(paths.JOBS, job.folder.extra("track")))


def test_sound_that_mp4_cannot_hold_is_noted(clips: Clips, upload: Upload) -> None:
    work = preprocess(upload(clips["mulaw.mov"], "mulaw.mov"))
    assert work.notes == ("the pcm_mulaw sound of track 1 was encoded to AAC",)


def test_no_more_is_noted_than_a_status_holds(clips: Clips, upload: Upload) -> None:
    notes = preprocess(upload(clips["hundred_pictures.mkv"], "hundred.mkv")).notes
    *told, beyond = notes
    assert len(json.dumps(notes)) < 9000
    assert all(note.startswith("of several pictures track 0 is painted") for note in told)
    assert beyond == f"there are {99 - len(told)} notes more"


def test_a_note_that_a_stranger_wrote_at_length_is_cut(clips: Clips, upload: Upload) -> None:
    (note,) = preprocess(upload(clips["long_name.mkv"], "long.mkv")).notes
    assert note.startswith("the attachment aaa")
    assert len(note) == 403


@pytest.mark.parametrize("name", ["empty.mp4", "text.mp4", "audio.mp4", "cover.mp4", "picture.png"])
def test_what_is_no_video_is_refused(clips: Clips, upload: Upload, name: str) -> None:
    job = upload(clips[name], name)
    with pytest.raises(InputError, match=f"^{name} (is|holds) .*: upload "):
        preprocess(job)
    assert list(storage.names(paths.JOBS, job.folder.root)) == []


def test_what_is_missing_of_a_matroska_is_noted(clips: Clips, upload: Upload) -> None:
    whole = clips["tracks.mkv"].read_bytes()
    assert preprocess(upload(whole, "whole.mkv", metadata={"container": "mkv"})).notes == ()
    half = upload(whole[: len(whole) // 4], "half.mkv", metadata={"container": "mkv"})
    assert any("cut short: it says that it lasts 2.0 s" in each for each in preprocess(half).notes)


def test_what_a_recorder_wrote_in_fragments_is_painted_as_far_as_it_came(
    clips: Clips, upload: Upload
) -> None:
    whole = clips["fragmented.mp4"].read_bytes()
    cut = whole[: whole.rindex(b"mdat") + 60]
    job = upload(cut, "cut.mp4")
    (note,) = preprocess(job).notes
    assert "cut short" in note
    lacking = int(note.rpartition("frames of its last fragment that are not there: ")[2])
    frame_count = len(packets_of(cut, "video"))
    assert plan_of(job).frame_count == frame_count == len(packets_of(whole, "video")) - lacking


def test_a_flash_video_that_begins_late_is_whole(
    clips: Clips, upload: Upload, tmp_path: Path
) -> None:
    """It does not say how long it is, and FFmpeg takes the last of its times for that."""
    late = ("-c", "copy", "-output_ts_offset", "5", "-flvflags", "no_duration_filesize")
    ffmpeg("-i", str(clips["flv1.flv"]), *late, str(file := tmp_path / "late.flv"))
    assert preprocess(upload(file, "late.flv")).notes == ()


def test_tracks_that_a_file_goes_on_in_are_said_to_be_left_out(
    clips: Clips, upload: Upload, tmp_path: Path
) -> None:
    """A recording after another, under other numbers of streams."""
    other = tmp_path / "other.ts"
    numbers = ("-mpegts_start_pid", "768", "-mpegts_pmt_start_pid", "4608")
    ffmpeg("-i", str(clips["plain.mp4"]), "-c", "copy", *numbers, str(other))
    job = upload(clips["plain.ts"].read_bytes() + other.read_bytes(), "both.ts")
    (note,) = preprocess(job).notes
    assert note.startswith("from 2.")
    assert "s on the file goes on in other tracks: they are left out" in note
    assert plan_of(job).frame_count == 48


@pytest.mark.parametrize("name", PLAYLISTS)
def test_a_playlist_is_refused(clips: Clips, upload: Upload, name: str) -> None:
    text = PLAYLISTS[name].format(target=clips["plain.mp4"])
    with pytest.raises(InputError, match="not a video: upload"):
        preprocess(upload(text.encode(), name))


def test_a_truncated_video_is_refused(clips: Clips, upload: Upload) -> None:
    whole = clips["plain.mp4"].read_bytes()
    with pytest.raises(InputError, match="is cut short or damaged"):
        preprocess(upload(whole[:-2000], "cut.mp4"))


def test_a_file_too_big_is_refused(
    clips: Clips, upload: Upload, configure: Callable[..., None]
) -> None:
    configure(MAX_BYTES="1000")
    with pytest.raises(InputError, match="has 0 MiB, more than the limit of 0 MiB: cut it into"):
        preprocess(upload(clips["plain.mp4"], "plain.mp4"))


def test_a_video_too_long_is_refused_though_its_header_is_silent(
    clips: Clips, upload: Upload, configure: Callable[..., None]
) -> None:
    configure(MAX_MINUTES="0.01")
    with pytest.raises(InputError, match=r"minutes long; the limit is 0\.01 minutes"):
        preprocess(upload(clips["vfr.mkv"], "vfr.mkv"))


def test_a_video_that_begins_too_late_is_refused(clips: Clips, upload: Upload) -> None:
    """Its second frame, which does not decode, is what is earliest, by far."""
    content = clips["vp8.ivf"].read_bytes()
    (first,) = struct.unpack_from("<I", content, IVF_HEADER)
    spoilt = struct.pack("<Iq", 4, -(2**61)) + b"\xff" * 4
    job = upload(content[: IVF_HEADER + IVF_FRAME_HEADER + first] + spoilt, "late.ivf")
    with pytest.raises(InputError, match=r"^late\.ivf is \d+\.\d minutes long; the limit is"):
        preprocess(job)


def test_an_unknown_style_is_refused_and_the_known_ones_listed(
    clips: Clips, upload: Upload
) -> None:
    with pytest.raises(InputError, match=r"there is no style 'cubism': .*\bplain\b"):
        preprocess(upload(clips["plain.mp4"], "plain.mp4", "cubism"))


def test_a_name_with_quotes_is_refused(clips: Clips, upload: Upload) -> None:
    with pytest.raises(InputError, match="rename the video without double quotes"):
        preprocess(upload(clips["one_frame.mp4"], 'the "best".mp4'))


def test_a_video_replaced_since_the_event_is_refused(clips: Clips, upload: Upload) -> None:
    job = upload(clips["plain.mp4"], "replaced.mp4")
    upload(clips["vfr.mp4"], "replaced.mp4")
    with pytest.raises(InputError, match="was replaced by a newer upload"):
        preprocess(job)


def test_a_video_deleted_since_the_event_is_refused(clips: Clips, upload: Upload) -> None:
    job = upload(clips["plain.mp4"], "deleted.mp4")
    storage.blob(paths.VIDEOS, job.video.blob).delete_blob()
    with pytest.raises(InputError, match="was replaced or deleted"):
        preprocess(job)


@pytest.mark.parametrize("variable", ["MAX_COST_PER_JOB", "MAX_COST_PER_DAY"])
def test_a_video_that_would_cost_too_much_is_refused(
    clips: Clips, upload: Upload, configure: Callable[..., None], variable: str
) -> None:
    job = upload(clips["plain.mp4"], "dear.mp4")
    configure(NODE_PRICE_PER_HOUR="3600", PRICE_CURRENCY="EUR")
    estimate = preprocess(job).estimate
    assert estimate is not None
    configure(**{variable: str(estimate)})
    assert preprocess(job).estimate == estimate
    configure(**{variable: str(estimate - 0.01)})
    with pytest.raises(InputError, match=r"would cost about \d+\.\d\d EUR to paint, more than"):
        preprocess(job)


@pytest.mark.parametrize("name", ["flv1.flv", "wmv2.asf", "newton.gif", "newton.apng"])
def test_what_matroska_cannot_hold_is_decoded_from_its_start(
    clips: Clips, upload: Upload, name: str
) -> None:
    job = upload(clips[name], name)
    work, plan = preprocess(job), plan_of(job)
    assert (work.source_container, work.source_blob) == (paths.VIDEOS, f"plain/{name}")
    assert {shard.entry for shard in plan.shards} == {0}
    assert result_times(plan) == [frame.time for frame in frames_of(clips[name])]


@pytest.mark.parametrize(("name", "container"), [("newton.webp", "mp4"), ("a b.webp", "mkv")])
def test_an_animated_webp_is_planned_and_decoded_frame_by_frame(
    clips: Clips, upload: Upload, tmp_path: Path, name: str, container: str
) -> None:
    job = upload(clips["newton.webp"], name, metadata={"container": container})
    work, plan = preprocess(job), plan_of(job)
    (source := tmp_path / "source").write_bytes(content(work.source_container, work.source_blob))
    decoded = [each for shard in plan.shards for each in frames(source, plan, shard, 1)]
    assert result_times(plan) == [Fraction(number, 25) for number in range(12)]
    assert [int(each.planes[8, 8]) for each in decoded] == pytest.approx(
        [20 + 4 * number for number in range(12)], abs=2
    )
    assert not any(each.damaged for each in decoded)
    sidecar = Sidecar.from_json(content(paths.JOBS, job.folder.sidecar))
    assert (sidecar.tracks, sidecar.container) == ((), container)
    assert plan.needs_proxy
