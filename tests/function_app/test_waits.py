"""How long a job is told that it waits: what follows from what the jobs before it have left."""

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from function_app.cost import START_SECONDS
from function_app.waits import Place, begins_in, sentence

NODES = 4


def at_work(nodes: int, left: float, expected: float = math.inf, share: float = 0.5) -> Place:
    return Place("film", nodes, expected, left, share, works=True)


def in_line(job_id: str, nodes: int = 1, expected: float = 60) -> Place:
    return Place(job_id, nodes, expected)


def test_a_job_that_finds_its_nodes_free_waits_for_nobody():
    assert begins_in([at_work(3, 600), in_line("clip")], "clip", NODES) == (0, 0)


def test_a_job_waits_for_the_nodes_of_those_at_work():
    assert begins_in([at_work(4, 600), in_line("clip")], "clip", NODES) == (600, 1)


def test_a_wide_job_holds_up_those_behind_it():
    """The service lets nobody pass who would fit."""
    places = [at_work(3, 600), in_line("wide", 4, 300), in_line("clip")]
    assert begins_in(places, "clip", NODES) == (600 + START_SECONDS + 300, 2)


def test_those_behind_a_job_are_nothing_to_it():
    places = [at_work(4, 600), in_line("clip"), in_line("later", 4, 9000)]
    assert begins_in(places, "clip", NODES) == (600, 1)


def test_estimates_are_corrected_by_what_is_measured():
    """Half of what was thought to take 300 s takes 600: so all take four times as long."""
    places = [at_work(4, 600, expected=300), in_line("before", 4, 60), in_line("clip")]
    assert begins_in(places, "clip", NODES) == (600 + START_SECONDS + 4 * 60, 2)


def test_what_nobody_knows_is_not_made_up():
    places = [Place("film", 4, math.inf, works=True), in_line("clip")]
    seconds, before = begins_in(places, "clip", NODES)
    assert (seconds, before) == (math.inf, 1)
    assert sentence(seconds, before) == "1 job before it"


def test_people_read_minutes_and_who_is_before():
    assert sentence(110, 3) == "begins in about 2 min: 3 jobs before it"
    assert sentence(5, 1) == "begins in about 1 min: 1 job before it"
    assert sentence(3600 * 2.5, 2) == "begins in about 2 h 30 min: 2 jobs before it"
    assert sentence(0, 0) == ""


places = st.builds(
    Place,
    job_id=st.uuids().map(str),
    nodes=st.integers(1, 6),
    expected=st.floats(0, 1e5) | st.just(math.inf),
    left=st.floats(0, 1e5) | st.just(math.inf),
    share=st.floats(0, 1),
    works=st.booleans(),
)


@settings(max_examples=50, deadline=None)
@given(st.lists(places, max_size=8), st.integers(1, 6))
def test_who_comes_later_is_told_no_less(line: list[Place], nodes: int):
    waiting = [place.job_id for place in line if not place.works]
    told = [begins_in(line, job_id, nodes) for job_id in waiting]
    assert told == sorted(told)
    assert all(seconds >= 0 and 0 <= before < len(line) for seconds, before in told)


@settings(max_examples=50, deadline=None)
@given(places)
def test_what_stands_with_a_place_is_read_again(place: Place):
    read = Place.from_metadata(place.job_id, place.to_metadata())
    assert read == Place.from_metadata(place.job_id, read.to_metadata())
    assert (read.job_id, read.nodes, read.works) == (place.job_id, place.nodes, place.works)
