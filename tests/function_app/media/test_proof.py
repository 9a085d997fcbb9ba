"""The proof of a result: what is right passes, and whatever a player would miss is found."""

import io
import struct
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import accumulate, pairwise

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from function_app.errors import Code
from function_app.media import join as joining
from function_app.media.extras import Attachment, Chapter, Sidecar
from function_app.media.join import join
from function_app.media.proof import DiffersError, prove
from function_app.options.container import Container
from fuzz.boxes import boxes
from gpu_worker.plan import Plan, Shard, Timeline
from tests.function_app.clips import Clips, encode, frames_of, opened
from tests.function_app.media.test_extras import (
    all_at_once,
    content_of,
    extract,
    in_threes,
    placed,
)
from tests.function_app.media.test_join import plan_for

TICK = Fraction(1, 90_000)
PLAIN = Sidecar()
MATROSKA = Sidecar(container=Container.MKV)
# Frames of a film of which every frame but the first comes soon after another.
STILL_AT_FIRST = [0, *range(29_281, 29_281 + 8 * 3000, 3000)]


@pytest.fixture(scope="module")
def frames(clips: Clips) -> list[av.VideoFrame]:
    with opened(clips["plain.mp4"]) as container:
        return list(container.decode(video=0))


@pytest.fixture(scope="module")
def tracks(clips: Clips) -> list[bytes]:
    return extract(clips["tracks.mkv"])[0]


def uneven(pts: list[int], last: int, lengths: list[int]) -> Plan:
    plan, timeline = plan_for(pts, lengths, TICK), Timeline.of(pts, last, TICK)
    return replace(plan, source=timeline, result=timeline)


@pytest.fixture(scope="module")
def shards(frames: list[av.VideoFrame]) -> Callable[[Plan], dict[Shard, bytes]]:
    """Return a way to encode a plan's shards; those of one length look the same."""
    made: dict[int, bytes] = {}

    def encoded(plan: Plan) -> dict[Shard, bytes]:
        for length in {len(shard) for shard in plan.shards} - made.keys():
            made[length] = encode(plan, frames[:length])
        return {shard: made[len(shard)] for shard in plan.shards}

    return encoded


def joined(
    plan: Plan, shards: dict[Shard, bytes], tracks: Sequence[bytes] = (), sidecar: Sidecar = PLAIN
) -> io.BytesIO:
    out = io.BytesIO()
    files = [io.BytesIO(track) for track in tracks]
    join(plan, lambda shard: io.BytesIO(shards[shard]), files, sidecar, out)
    out.seek(0)
    return out


def prove_mp4(result: io.BytesIO, plan: Plan, tracks: Sequence[bytes] = ()) -> None:
    prove(result, plan, [io.BytesIO(track) for track in tracks], PLAIN)


def differs(result: io.BytesIO, plan: Plan, tracks: Sequence[bytes] = ()) -> str:
    with pytest.raises(DiffersError) as found:
        prove_mp4(result, plan, tracks)
    assert found.value.code == Code.BAD_RESULT
    return str(found.value)


@given(
    steps=st.lists(st.sampled_from([1, 7, 1500, 3000, 29_281, 900_000]), min_size=2, max_size=30),
    lengths=st.lists(st.integers(1, 7), min_size=1, max_size=30),
    late=st.sampled_from([0, 2, 700, 2706, 90_000]),
)
@settings(max_examples=60)
def test_whatever_the_times_every_frame_is_reached(
    shards: Callable[[Plan], dict[Shard, bytes]], steps: list[int], lengths: list[int], late: int
) -> None:
    pts = [late + tick for tick in accumulate([0, *steps[:-1]])]
    cuts = [0, *(cut for cut in accumulate(lengths) if cut < len(pts)), len(pts)]
    plan = uneven(pts, steps[-1], [b - a for a, b in pairwise(cuts)])
    prove_mp4(joined(plan, shards(plan)), plan)


def test_decode_times_that_run_ahead_are_found(
    shards: Callable[[Plan], dict[Shard, bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = uneven(STILL_AT_FIRST, 3000, [1] * 9)

    def ahead(pts: list[int], *_: object) -> list[int]:
        shown = [-58_562, -29_281, *STILL_AT_FIRST]
        first = shown.index(min(pts)) - 2
        return shown[first : first + len(pts)]

    monkeypatch.setattr(joining, "decode_times", ahead)
    assert "a player reaches 3 frames, not 9" in differs(joined(plan, shards(plan)), plan)


def rewritten(result: io.BytesIO, change: Callable[[bytearray, int], None]) -> io.BytesIO:
    """Change the first edit list: it is the picture's."""
    content = bytearray(result.getvalue())
    edits = next(box for box in boxes(bytes(content)) if box.kind == b"elst")
    change(content, edits.start + 16)
    return io.BytesIO(content)


def add(value: int, field: int) -> Callable[[bytearray, int], None]:
    def change(content: bytearray, entry: int) -> None:
        (number,) = struct.unpack_from(">i", content, entry + 4 * field)
        struct.pack_into(">i", content, entry + 4 * field, number + value)

    return change


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (add(-180_000, 0), "a player reaches"),
        (add(-15_000, 0), "a player reaches 47 frames, not 48"),
        (add(15_000, 0), "is shown at 0.000000-2.041667 s, not at 0.000000-2.000000 s"),
        (add(1024, 1), "a player reaches 46 frames, not 48"),
        (add(-256, 1), "number 0 comes at 0.020833 s, not at 0.000000 s"),
    ],
    ids=["half", "a frame too short", "a frame too long", "too late", "too early"],
)
def test_a_wrong_edit_list_is_found(
    shards: Callable[[Plan], dict[Shard, bytes]],
    change: Callable[[bytearray, int], None],
    found: str,
) -> None:
    plan = plan_for(range(48), [24, 24])
    result = joined(plan, shards(plan))
    prove_mp4(result, plan)
    assert found in differs(rewritten(result, change), plan)


def test_sound_and_subtitles_are_proved_alike(
    shards: Callable[[Plan], dict[Shard, bytes]], tracks: list[bytes], clips: Clips
) -> None:
    plan = plan_for(range(48), [24, 24])
    result = joined(plan, shards(plan), tracks)
    prove_mp4(result, plan, tracks)
    other, _ = extract(clips["late_sound.mkv"])
    assert "that can be read are aac, not aac, opus, mov_text, mov_text" in differs(
        joined(plan, shards(plan), other), plan, tracks
    )
    assert "of the aac packets of track 1, number 0 comes at" in differs(
        joined(plan, shards(plan), extract(clips["plain.mp4"])[0]), plan, other
    )


@pytest.mark.parametrize("name", ["plain.mp4", "vorbis.mkv", "plain.avi", "pcm.mov"])
@pytest.mark.parametrize(
    "time",
    [
        in_threes,
        all_at_once,
        lambda _, own: own + Fraction(5, 1000),
        lambda _, own: own - Fraction(3, 2),
        lambda number, own: own + number // 20,
    ],
    ids=["in threes", "all at once", "a little late", "from before zero on", "with gaps"],
)
def test_sound_at_odd_times_is_joined_as_it_was_kept(
    shards: Callable[[Plan], dict[Shard, bytes]],
    clips: Clips,
    name: str,
    time: Callable[[int, Fraction], Fraction],
) -> None:
    plan = plan_for(range(48), [24, 24])
    tracks, _ = extract(clips[name], change=placed(time))
    assert tracks
    prove_mp4(joined(plan, shards(plan), tracks), plan, tracks)


def test_sound_that_ends_early_is_found(
    shards: Callable[[Plan], dict[Shard, bytes]], clips: Clips
) -> None:
    plan, (sound, _) = plan_for(range(48), [24, 24]), extract(clips["plain.mp4"])
    content = bytearray(joined(plan, shards(plan), sound).getvalue())
    _, edits = (box for box in boxes(bytes(content)) if box.kind == b"elst")
    add(-180_000, 0)(content, edits.start + 16)
    assert "aac packets of track 1, not 95" in differs(io.BytesIO(content), plan, sound)


@pytest.mark.parametrize("name", ["tracks.mkv", "truehd.mkv", "late_sound.mkv", "bitmaps.mkv"])
def test_matroska_holds_all_as_it_is_and_is_proved(
    shards: Callable[[Plan], dict[Shard, bytes]], clips: Clips, name: str
) -> None:
    plan, (tracks, _) = plan_for(range(48), [24, 24]), extract(clips[name], Container.MKV)
    result = joined(plan, shards(plan), tracks, MATROSKA)
    prove(result, plan, [io.BytesIO(track) for track in tracks], MATROSKA)
    assert frames_of(result.getvalue())[47].time == pytest.approx(47 / 24, abs=0.0005)
    for number, track in enumerate(tracks):
        assert content_of(track)
        assert content_of(track)[0] in content_of(result.getvalue()), number
    with pytest.raises(DiffersError, match="tracks beside the picture"):
        prove(result, plan, [], MATROSKA)
    late = plan_for(range(1, 49), [24, 24])
    with pytest.raises(DiffersError, match=r"number 0 comes at 0\.000000 s, not at 0\.041667 s"):
        prove(result, late, [io.BytesIO(track) for track in tracks], MATROSKA)


def test_chapters_and_a_timecode_are_no_subtitles(
    shards: Callable[[Plan], dict[Shard, bytes]],
) -> None:
    plan = plan_for(range(48), [24, 24])
    sidecar = Sidecar((Chapter(0, 1, "one"),), {"timecode": "01:00:00:00"})
    result = joined(plan, shards(plan), [], sidecar)
    prove_mp4(result, plan)


def test_a_cover_that_is_missing_is_found(
    frames: list[av.VideoFrame], shards: Callable[[Plan], dict[Shard, bytes]]
) -> None:
    plan = plan_for(range(len(frames)), [len(frames)])
    covered = Sidecar(attachments=(Attachment("cover.png", "image/png", "attachment-000"),))
    with pytest.raises(DiffersError, match="it has 0 attachments, not 1"):
        prove(joined(plan, shards(plan)), plan, [], covered)


@pytest.mark.parametrize("name", [b"moov", b"mvhd", b"stts", b"mdhd"])
def test_a_result_without_its_index_is_found(
    shards: Callable[[Plan], dict[Shard, bytes]], name: bytes
) -> None:
    plan = plan_for(range(12), [12])
    content = joined(plan, shards(plan)).getvalue().replace(name, b"free")
    differs(io.BytesIO(content), plan)
