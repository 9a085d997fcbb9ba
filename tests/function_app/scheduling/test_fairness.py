"""Who holds how many nodes: what holds for any jobs, and what people would expect of some."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from function_app.scheduling.fairness import (
    PATIENCE,
    SHORT,
    STARVED,
    STAY,
    Claim,
    begins_in,
    clips_before,
    in_line,
    nodes_there,
    shares,
)

RESTART = 60.0
NOW = 1_000_000.0


@st.composite
def claims(draw: st.DrawFn, number: int) -> Claim:
    asked = NOW - draw(st.floats(0, 1e5))
    needs = draw(st.floats(1, 1e5))
    held = draw(st.integers(0, 8))
    return Claim(
        f"job-{number}",
        asked,
        since=draw(st.floats(asked, NOW)),
        needs=needs,
        left=draw(st.floats(0, needs)),
        most=draw(st.integers(1, 8)),
        held=held,
        works=draw(st.booleans()) and held > 0,
        painted=draw(st.floats(0, NOW - asked)),
        gave_way=draw(st.integers(0, 5)),
    )


@st.composite
def crowds(draw: st.DrawFn) -> list[Claim]:
    return [draw(claims(number)) for number in range(draw(st.integers(0, 8)))]


def share(crowd: Sequence[Claim], nodes: int, now: float = NOW) -> dict[str, int]:
    return shares(crowd, nodes, now, RESTART)


@settings(max_examples=50)
@given(crowds(), st.integers(1, 20))
def test_no_more_nodes_are_given_than_there_are(crowd: list[Claim], nodes: int):
    given_out = share(crowd, nodes)
    there = nodes_there(crowd, nodes, NOW, RESTART)
    assert given_out.keys() == {claim.job_id for claim in crowd}
    assert all(held >= 0 for held in given_out.values())
    assert sum(given_out.values()) <= there
    assert there <= max(nodes, 1, sum(claim.held for claim in crowd if claim.works))


@settings(max_examples=50)
@given(crowds(), st.integers(1, 20), st.randoms())
def test_the_order_in_which_jobs_are_told_of_is_nothing_to_it(
    crowd: list[Claim], nodes: int, chance: Random
):
    shuffled = chance.sample(crowd, len(crowd))
    assert share(shuffled, nodes) == share(crowd, nodes)


@settings(max_examples=50)
@given(crowds(), st.integers(1, 20))
def test_who_waits_never_makes_anybody_give_way_for_nothing(crowd: list[Claim], nodes: int):
    """Nobody gives a node up while there is no job that lacks one."""
    at_work = [replace(claim, held=max(1, claim.held)) for claim in crowd]
    room = max(nodes, sum(claim.held for claim in at_work))
    fresh = [replace(claim, since=NOW) for claim in at_work]
    given_out = share(fresh, room)
    assert all(given_out[claim.job_id] >= claim.held for claim in fresh)


@settings(max_examples=50)
@given(crowds(), st.integers(1, 20))
def test_for_who_is_not_short_nobody_gives_way(crowd: list[Claim], nodes: int):
    """However long it has waited: two that are long would else take turns, and neither end."""
    longer = (replace(claim, needs=claim.needs + SHORT * RESTART + 1) for claim in crowd)
    long = [replace(claim, since=NOW) if claim.held else claim for claim in longer]
    given_out = share(long, max(nodes, sum(claim.held for claim in long)))
    assert all(given_out[claim.job_id] >= claim.held for claim in long)


def film(**more: Any) -> Claim:
    whole = Claim("film", NOW - 600, NOW - 600, 8000, 6000, 4, 4, True, 500)
    return replace(whole, **more)


def clip(number: int = 0, **more: Any) -> Claim:
    whole = Claim(f"clip-{number}", NOW, NOW, 20, 20, 1)
    return replace(whole, **more)


def test_a_film_alone_has_all_nodes_that_it_can_use():
    assert share([film(held=0, works=False)], 4) == {"film": 4}
    assert share([film(held=0, works=False)], 9) == {"film": 4}


def test_a_clip_that_finds_no_node_gets_one_of_a_film():
    crowd = [film(), clip()]
    assert share(crowd, 4) == {"film": 3, "clip-0": 0}
    assert share([film(held=3), clip()], 4) == {"film": 3, "clip-0": 1}


def test_two_films_do_not_take_turns():
    other = film(job_id="other", held=0, works=False, asked=NOW - 9000, since=NOW - 9000)
    assert share([film(), other], 4) == {"film": 4, "other": 0}
    assert share([film(), other, clip()], 4) == {"film": 3, "other": 0, "clip-0": 0}


def test_the_only_node_is_given_up_too():
    assert share([film(held=1), clip()], 1) == {"film": 0, "clip-0": 0}


def test_a_film_gives_nothing_up_for_what_will_be_free_at_once():
    almost = clip(1, held=1, works=True, left=10)
    assert share([film(held=3), almost, clip(2)], 4)["film"] == 3
    long = replace(almost, left=400)
    assert share([film(held=3), long, clip(2)], 4)["film"] == 2


def test_a_film_that_is_nearly_done_gives_nothing_up():
    assert share([film(left=4 * RESTART), clip()], 4)["film"] == 4


def test_a_film_gives_way_again_only_when_it_has_painted_for_long_enough():
    enough = STAY * RESTART
    assert share([film(gave_way=1, painted=enough - 1), clip()], 4)["film"] == 4
    assert share([film(gave_way=1, painted=enough), clip()], 4)["film"] == 3


def test_a_film_gets_its_nodes_back_once_nobody_lacks_any():
    narrow = film(held=1)
    assert share([narrow, clip(held=1, works=True)], 4) == {"film": 1 + 2, "clip-0": 1}
    assert share([film(held=1, left=RESTART)], 4) == {"film": 1}


def test_clips_come_before_films_and_films_as_they_came():
    first = film(job_id="first", asked=NOW - 20, held=0, works=False)
    second = film(job_id="second", asked=NOW - 10, held=0, works=False)
    assert share([second, first, clip()], 4) == {"clip-0": 1, "first": 3, "second": 0}


def test_a_film_that_has_waited_for_too_long_comes_before_clips():
    waits = film(held=0, works=False, since=NOW - STARVED * RESTART - 1)
    assert share([waits, clip()], 1) == {"film": 1, "clip-0": 0}
    assert share([replace(waits, since=NOW), clip()], 1) == {"film": 0, "clip-0": 1}


def test_where_nodes_do_not_come_fewer_are_tried():
    late = film(works=False, since=NOW - PATIENCE * RESTART - 1)
    assert nodes_there([late], 4, NOW, RESTART) == 2
    assert share([late], 4) == {"film": 2}
    fresh = replace(late, since=NOW - 1)
    assert share([fresh], 4) == {"film": 4}


def test_nodes_that_are_gone_are_taken_from_who_does_not_have_them():
    queued = film(job_id="queued", works=False, since=NOW)
    assert share([film(), queued], 6) == {"film": 4, "queued": 2}


@settings(max_examples=20)
@given(st.integers(1, 4), st.lists(st.integers(1, 2000), min_size=1, max_size=4))
def test_films_are_painted_and_seldom_interrupted_though_clips_never_end(
    nodes: int, videos: list[int]
):
    films = [
        Claim(f"film-{number}", 0, 0, work, work, most=4) for number, work in enumerate(videos)
    ]
    now = 0.0
    while films and now < STARVED * RESTART * 100:
        now += RESTART
        clips = [clip(number, asked=now, since=now) for number in range(nodes)]
        held = shares([*films, *clips], nodes, now, RESTART)
        films = [after(each, held[each.job_id], now) for each in films]
        assert all(each.gave_way <= 1 + each.painted / (STAY * RESTART) for each in films)
        films = [each for each in films if each.left > 0]
    assert not films


def after(claim: Claim, held: int, now: float) -> Claim:
    """A film after another restart's time on so many nodes."""
    return replace(
        claim,
        held=held,
        works=held > 0,
        since=claim.since if held == claim.held else now,
        left=claim.left - held * RESTART,
        painted=claim.painted + RESTART * (held > 0),
        gave_way=claim.gave_way + (held < claim.held),
    )


@settings(max_examples=50)
@given(crowds(), st.integers(1, 20))
def test_who_waits_is_told_for_how_long_and_behind_how_many(crowd: list[Claim], nodes: int):
    told = begins_in(crowd, nodes, NOW, RESTART)
    assert told.keys() == {claim.job_id for claim in crowd if not claim.held}
    waits = [told[claim.job_id] for claim in in_line(crowd, NOW, RESTART) if not claim.held]
    assert waits == sorted(waits), "who comes later is told no less"
    assert all(seconds >= 0 and 0 <= before < len(crowd) for seconds, before in waits)


def test_the_wait_is_that_for_the_nodes_of_those_before():
    told = begins_in([film(left=1200), clip(1, asked=NOW - 1), clip(2)], 4, NOW, RESTART)
    assert told == {"clip-1": (RESTART, 1), "clip-2": (RESTART, 2)}, "the film gives way"
    told = begins_in([film(left=200), clip(1, asked=NOW - 1), clip(2)], 4, NOW, RESTART)
    assert told == {"clip-1": (50, 1), "clip-2": (50, 2)}, "it is nearly done"


def test_a_film_gives_way_to_the_clips_before_it_alone():
    crowd = [film(), clip(1), clip(2, held=1, works=True), film(job_id="other", asked=NOW + 1)]
    assert clips_before(crowd, "film", NOW, RESTART) == 2
    assert clips_before(crowd, "clip-1", NOW, RESTART) == 0
