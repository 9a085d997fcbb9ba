"""Shards cover every frame once, are even, and begin where a decoder can enter."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from gpu_worker.plan import MOST_DECODED, cut_shards
from tests.gpu_worker.plans import even, synthetic_plan


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


def test_files_of_shards_sort_as_their_frames_do():
    names = [shard.name for shard in synthetic_plan(even(300), shard_length=2).shards]
    assert all(before < after for before, after in pairwise(names))
