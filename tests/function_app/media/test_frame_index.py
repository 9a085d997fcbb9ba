"""Every frame is found, at its timestamp, or the video is refused."""

from dataclasses import replace
from pathlib import Path

import pytest
from av.packet import Packet

from function_app.errors import InputError
from function_app.media.frame_index import FrameIndex
from function_app.settings import Settings
from tests.function_app.clips import Clips, frames_of, opened, times_of
from tests.function_app.reading import probe


def test_an_mp4_without_its_last_frames_is_refused(
    clips: Clips, tmp_path: Path, limits: Settings
) -> None:
    whole = clips["fast_start.mp4"].read_bytes()
    (file := tmp_path / "cut.mp4").write_bytes(whole[:-8000])
    with pytest.raises(InputError, match=r"cut short: \d+ of its 48 frames are there: upload"):
        probe(file, limits)


def test_a_video_whose_header_counts_no_frames_is_refused_at_the_limit(
    clips: Clips, limits: Settings
) -> None:
    with pytest.raises(InputError, match="has 48 frames or more; the limit is"):
        probe(clips["vfr.mkv"], replace(limits, max_frames=47))


@pytest.mark.parametrize(
    "name",
    [
        "plain.mp4", "one_keyframe.mp4", "one_frame.mp4", "three_frames.mp4", "vfr.mp4", "vfr.mkv",
        "ntsc.mov", "fragmented.mp4", "odd.webm", "vp8.webm", "rotated.mp4", "offset.mp4",
        "offset.mkv", "plain.ts", "plain.avi", "mpeg4.mp4", "mpeg2.mpg", "gaps.avi", "cut.mp4",
    ],
)  # fmt: skip
def test_every_frame_is_found_at_its_timestamp(clips: Clips, limits: Settings, name: str) -> None:
    index, _ = probe(clips[name], limits)
    decoded = frames_of(clips[name])
    assert [pts * index.time_base for pts in index.pts] == [frame.time for frame in decoded]
    assert index.same_timestamp == 0


def test_frames_without_timestamps_are_refused(clips: Clips, limits: Settings) -> None:
    with pytest.raises(InputError, match="has frames without timestamps: convert it to MP4"):
        probe(clips["before_zero.mkv"], limits)


def test_what_leads_up_to_a_cut_is_left_out_where_it_lies_before_zero(
    clips: Clips, limits: Settings
) -> None:
    """FFmpeg gives it no timestamp, and no decoder a picture."""
    index, _ = probe(clips["open_at_zero.mkv"], limits)
    decoded = frames_of(clips["open_at_zero.mkv"])
    assert [pts * index.time_base for pts in index.pts] == [frame.time for frame in decoded]
    assert (index.undecodable, index.same_timestamp) == (3, 0)


def test_a_frame_that_has_no_timestamp_further_on_is_refused(
    clips: Clips, limits: Settings
) -> None:
    with opened(clips["plain.mp4"]) as container:
        stream = container.streams.video[0]
        index = FrameIndex(stream, "plain.mp4", limits)
        packets = list(container.demux(stream))
        for packet in packets[:30]:
            index.add(packet)
        packets[30].pts = None
        with pytest.raises(InputError, match="has frames without timestamps"):
            index.add(packets[30])


def test_entries_are_found(clips: Clips, limits: Settings) -> None:
    index, _ = probe(clips["plain.mp4"], limits)
    assert [index.pts.index(tick) for tick in sorted(index.entries)] == [0, 12, 24, 36]
    index, _ = probe(clips["one_keyframe.mp4"], limits)
    assert index.entries == {index.pts[0]}


def test_the_last_frame_lasts_as_long_as_stated(clips: Clips, limits: Settings) -> None:
    index, _ = probe(clips["ntsc.mov"], limits)
    assert index.last_duration * index.time_base * 30000 == 1001
    index, _ = probe(clips["one_frame.mp4"], limits)
    assert index.last_duration * index.time_base * 24 == 1


# frame_marker 2, profile 0, show_existing_frame 0, frame_type 1, show_frame 0 (VP9, 6.2).
NOT_SHOWN = bytes([0b10000100, 0, 0, 0])


def test_frames_that_are_not_shown_are_none(clips: Clips, limits: Settings) -> None:
    """VP9's alternate references, each in a packet of its own."""
    with opened(clips["odd.webm"]) as container:
        stream = container.streams.video[0]
        index = FrameIndex(stream, "it", limits)
        for packet in container.demux(stream):
            index.add(packet)
            hidden = Packet(NOT_SHOWN)
            hidden.pts, hidden.stream = (packet.pts or 0) + 1, stream
            index.add(hidden)
    assert [tick * index.time_base for tick in index.pts] == times_of(clips["odd.webm"], "video")
