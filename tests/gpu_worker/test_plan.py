"""The plan: what is written is what is read, and nothing that contradicts itself is a plan."""

import json
from fractions import Fraction
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_worker.plan import (
    MOST_DECODED,
    Blend,
    Encoding,
    Failure,
    Picture,
    Plan,
    PlanError,
    Progress,
    Shard,
    Timeline,
    cut_shards,
)
from tests.gpu_worker.plans import even, synthetic_plan

STEPS = st.lists(st.sampled_from([1, 2, 1001, 3003]), min_size=1, max_size=80)
TIME_BASES = st.sampled_from([Fraction(1, 24), Fraction(1, 1000), Fraction(1001, 30000)])
NAMES = st.sampled_from(["bt709", "smpte170m", "bt2020nc"])
SIDES = st.integers(1, 8192)
PICTURES = st.builds(
    Picture,
    width=SIDES,
    height=SIDES,
    sample_aspect_ratio=st.tuples(SIDES, SIDES),
    matrix=NAMES,
    primaries=NAMES,
    transfer=NAMES,
    display_matrix=st.just(()) | st.tuples(*[st.integers(-65536, 65536)] * 9),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@st.composite
def timelines(draw: st.DrawFn) -> Timeline:
    steps = draw(STEPS)
    pts = list(accumulate(steps[:-1], initial=draw(st.integers(-(10**6), 10**6))))
    return Timeline.of(pts, steps[-1], draw(TIME_BASES))


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    timeline = draw(timelines())
    pts = list(timeline)
    keyframes = draw(st.lists(st.sampled_from(pts)))
    shards = cut_shards(
        pts, keyframes, longest=draw(st.integers(1, 30)), at_least=draw(st.integers(1, 20))
    )
    encoding = Encoding(
        draw(st.integers(0, 51)),
        draw(st.sampled_from(["fast", "slow"])),
        draw(st.sampled_from(["libx264", "h264_nvenc"])),
    )
    blend = Blend(draw(st.floats(0, 1)), draw(st.booleans()))
    picture = draw(PICTURES)
    stream = draw(st.integers(0, 9))
    return Plan("a-job", stream, timeline, timeline, picture, shards, encoding, blend)


@given(STEPS, st.integers(-(10**6), 10**6), TIME_BASES)
def test_a_timeline_gives_back_its_timestamps(steps: list[int], first: int, time_base: Fraction):
    pts = list(accumulate(steps[:-1], initial=first))
    timeline = Timeline.of(pts, steps[-1], time_base)
    assert list(timeline) == pts
    assert len(timeline) == len(pts)
    assert timeline.end == pts[-1] + steps[-1]
    assert timeline.duration == sum(steps) * time_base
    assert timeline.frame_rate * timeline.duration == len(pts)


def test_a_constant_frame_rate_is_one_run():
    assert even(frames=108_000).steps == ((1, 108_000),)


@pytest.mark.parametrize("pts", [[], [0, 0], [3, 2], [0, 5, 4]])
def test_timestamps_that_do_not_rise_are_refused(pts: list[int]):
    with pytest.raises(PlanError):
        Timeline.of(pts, 1, Fraction(1, 24))


@pytest.mark.parametrize("last_duration", [0, -1])
def test_a_last_frame_that_is_never_shown_is_refused(last_duration: int):
    with pytest.raises(PlanError):
        Timeline.of([0, 1], last_duration, Fraction(1, 24))


def test_a_time_base_of_nothing_is_refused():
    with pytest.raises(PlanError, match="time base"):
        Timeline((0, 1), 0, ((1, 1),))


@given(
    st.integers(1, 400),
    st.lists(st.integers(0, 399)),
    st.integers(1, 100),
    st.integers(1, 100),
)
def test_shards_cover_every_frame_once(
    total: int, keyframes: list[int], longest: int, at_least: int
):
    shards = cut_shards(range(total), keyframes, longest=longest, at_least=at_least)
    assert [frame for shard in shards for frame in range(shard.first, shard.last)] == list(
        range(total)
    )
    assert [shard.index for shard in shards] == list(range(len(shards)))
    assert len(shards) >= min(total, at_least)
    assert all(shard.entry in {0, *keyframes} for shard in shards)
    decoded = sum(shard.last - shard.entry for shard in shards)
    assert decoded <= MOST_DECODED * total or len(shards) == min(total, at_least)


@given(st.integers(1, 400), st.integers(1, 100), st.integers(1, 100))
def test_without_keyframes_near_shards_are_even(total: int, longest: int, at_least: int):
    lengths = [len(s) for s in cut_shards(range(total), [0], longest=longest, at_least=at_least)]
    assert max(lengths) - min(lengths) <= 1


def test_a_shard_begins_at_a_keyframe_that_is_near():
    shards = cut_shards(range(1000, 1100), [1000, 1048, 1090], longest=50, at_least=1)
    assert [shard.first for shard in shards] == [0, 48]


def test_a_keyframe_that_is_far_moves_no_shard():
    shards = cut_shards(range(100), [0, 30], longest=50, at_least=1)
    assert [shard.first for shard in shards] == [0, 50]


def test_a_decoder_enters_at_the_last_entry_before_what_a_shard_needs_to_see():
    entries = [0, 30, 50, 75]
    shards = cut_shards(range(100), entries, longest=25, at_least=1)
    assert [(shard.first, shard.entry) for shard in shards] == [
        (0, 0),
        (30, 30),
        (50, 50),
        (75, 75),
    ]
    shards = cut_shards(range(100), entries, longest=25, at_least=1, lead=1)
    assert [(shard.first, shard.entry) for shard in shards] == [(0, 0), (30, 0), (50, 30), (75, 50)]


def test_where_entries_are_rare_shards_are_longer():
    assert len(cut_shards(range(10_000), range(0, 10_000, 250), longest=100, at_least=4)) == 100
    assert len(cut_shards(range(10_000), [], longest=100, at_least=4)) == 25
    assert len(cut_shards(range(10_000), [], longest=100, at_least=50)) == 50


def test_a_shard_that_is_entered_after_it_begins_is_refused():
    plan = synthetic_plan(even(5))
    shards = (Shard(0, 0, 2), Shard(1, 2, 5, entry=3))
    with pytest.raises(PlanError, match="shard 1 is entered after it begins"):
        Plan("a-job", 0, plan.source, plan.result, plan.picture, shards)


@given(plans())
def test_a_plan_survives_json(plan: Plan):
    assert Plan.from_json(plan.to_json()) == plan


@given(plans(), st.data())
def test_a_plan_with_a_wrong_field_is_refused_or_whole(plan: Plan, data: st.DataObject):
    fields = json.loads(plan.to_json())
    fields[data.draw(st.sampled_from(sorted(fields)))] = data.draw(JSON)
    try:
        read = Plan.from_json(json.dumps(fields))
    except PlanError:
        return
    assert read.frame_count == plan.frame_count


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "{}", '{"version": 1}'])
def test_what_is_no_plan_is_refused(text: str):
    with pytest.raises(PlanError):
        Plan.from_json(text)


def test_a_plan_of_another_version_is_refused_and_both_versions_named():
    fields = json.loads(synthetic_plan(even(3)).to_json()) | {"version": 2}
    with pytest.raises(PlanError, match=r"version 2; only 1"):
        Plan.from_json(json.dumps(fields))


@pytest.mark.parametrize(
    "shards",
    [
        (Shard(0, 0, 4),),
        (Shard(0, 0, 6),),
        (Shard(0, 1, 5),),
        (Shard(0, 0, 2), Shard(1, 3, 5)),
        (Shard(0, 0, 3), Shard(1, 2, 5)),
        (Shard(1, 0, 5),),
        (Shard(0, 0, 5), Shard(1, 5, 5)),
        (),
    ],
)
def test_shards_that_miss_or_repeat_a_frame_are_refused(shards: tuple[Shard, ...]):
    plan = synthetic_plan(even(5))
    with pytest.raises(PlanError):
        Plan("a-job", 0, plan.source, plan.result, plan.picture, shards)


def test_timelines_of_different_lengths_are_refused():
    plan = synthetic_plan(even(5))
    with pytest.raises(PlanError, match="same number"):
        Plan("a-job", 0, even(4), plan.result, plan.picture, plan.shards)


@given(SIDES, SIDES)
def test_a_picture_is_padded_to_the_next_even_size(width: int, height: int):
    plan = synthetic_plan(even(1), width=width, height=height)
    padded = plan.picture.padded_size
    assert [side % 2 for side in padded] == [0, 0]
    assert [new - old in (0, 1) for new, old in zip(padded, (width, height), strict=True)]


def test_files_of_shards_sort_as_their_frames_do():
    names = [shard.name for shard in synthetic_plan(even(300), shard_length=2).shards]
    assert all(before < after for before, after in pairwise(names))


@pytest.mark.parametrize(
    "report", [Progress(3, 120, 11.5, "a device"), Failure("input", "No."), Failure("world", "Ü")]
)
def test_reports_survive_json(report: Progress | Failure):
    assert type(report).from_json(report.to_json()) == report


@pytest.mark.parametrize("kind", [Progress, Failure])
@pytest.mark.parametrize("text", ["", "[]", "{}", '{"rank": 1}', '{"more": 1}'])
def test_what_is_no_report_is_refused(kind: type[Progress] | type[Failure], text: str):
    with pytest.raises(PlanError):
        kind.from_json(text)


@pytest.mark.parametrize("strength", [-0.1, 1.01, float("nan"), float("inf")])
def test_a_strength_out_of_range_is_refused(strength: float):
    with pytest.raises(PlanError, match="is not from 0 to 1"):
        Blend(strength)
