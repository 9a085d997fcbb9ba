"""The plan: what is written is what is read, and nothing that contradicts itself is a plan."""

import json
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_worker.plan import Blend, Encoding, Picture, Plan, PlanError, Shard, Timeline, cut_shards
from tests.gpu_worker.plan.strategies import STEPS, TIME_BASES
from tests.gpu_worker.plans import even, synthetic_plan

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


@pytest.mark.parametrize("strength", [-0.1, 1.01, float("nan"), float("inf")])
def test_a_strength_out_of_range_is_refused(strength: float):
    with pytest.raises(PlanError, match="is not from 0 to 1"):
        Blend(strength)
