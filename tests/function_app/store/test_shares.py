"""What a job holds of the cluster, as it and the others tell: on real storage."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from function_app.errors import ServiceError
from function_app.settings import settings
from function_app.store import paths, shares, storage, turns
from function_app.store.jobs import Job, State, Work

ASKED = "2026-11-28T10:00:00.000000Z"


def now() -> float:
    """As the rule has it: who was told of nodes long ago, and has none, is not to get them."""
    return datetime.now(UTC).timestamp()


@pytest.fixture(autouse=True)
def cluster(configure: Callable[..., None]) -> Iterator[None]:
    """Four nodes, and nobody else."""
    configure(AML_NODES_MAX="4", RESTART_SECONDS="10", LEARN_MINUTES="60")
    storage.delete_all(paths.JOBS, f"{paths.TURNS}/")
    yield
    storage.delete_all(paths.JOBS, f"{paths.TURNS}/")


def video(name: str, needs: float, nodes: int, **more: float) -> State:
    """A job that has asked for its turn and needs so many seconds of one node."""
    job = Job.of(f"plain/{name}.mp4", str(needs))
    storage.write(paths.JOBS, job.folder.plan, b"", "text/plain", {shares.EXPECTED: str(needs)})
    turns.enter(job, ASKED)
    work = Work(paths.VIDEOS, job.blob, 100, nodes)
    return replace(State(job, work, started=ASKED, since=now()), **more)


def at_work(state: State, held: int, left: float) -> State:
    """The job after it was given nodes, and told of it."""
    state = replace(state, attempt=state.attempt + 1, held=held, left=left)
    shares.take(state, works=True, left=left)
    return state


def test_a_job_alone_takes_all_nodes_that_it_can_use() -> None:
    assert shares.take(video("film", 3600, 3)) == shares.Share(3)
    (told,) = turns.told(but="")
    assert told.claim.held == 3, "said before it has them"


def test_two_that_come_at_once_do_not_take_the_same_nodes() -> None:
    first, second, third = (video(name, 3600, 3) for name in ("first", "second", "third"))
    taken = [shares.take(each) for each in (first, second, third)]
    assert [each.nodes for each in taken] == [3, 1, 0]
    assert "before it" in taken[2].wait


def test_who_sees_only_afterwards_that_the_nodes_are_taken_gives_them_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = video("first", 3600, 3), video("second", 3600, 3)
    looks, tell = iter([[]]), turns.told
    monkeypatch.setattr(turns, "told", lambda but: next(looks, None) or tell(but))
    shares.take(first)
    looks = iter([[]])
    assert shares.take(replace(second, since=now())).nodes in {0, 1}
    assert sum(each.claim.held for each in tell("")) <= settings().aml_nodes_max


def test_a_film_makes_way_for_clips_says_so_and_comes_back() -> None:
    film = at_work(video("film", 3600, 4), 4, 3000)
    clips = [video(f"clip-{number}", 20, 1) for number in range(2)]
    assert [shares.take(each).nodes for each in clips] == [0, 0]
    assert shares.take(film, works=True, left=3000).nodes == 2
    narrow = at_work(replace(film, gave_way=1, changes=1), 2, 3000)
    held = [replace(each, held=shares.take(each).nodes, attempt=1) for each in clips]
    assert [each.held for each in held] == [1, 1]
    assert shares.take(narrow, works=True, left=2900) == shares.Share(2, 2)
    for each in held:
        turns.give_back(each.job, ASKED)
    assert shares.take(narrow, works=True, left=2900) == shares.Share(4)


def test_a_film_that_gave_all_up_is_told_for_whom_and_how_long() -> None:
    for number in range(4):
        at_work(video(f"clip-{number}", 90, 1), 1, 60)
    film = video("film", 3600, 4, gave_way=1, changes=1, left=3000.0)
    assert shares.take(film).wait == "gives way to 4 clips: goes on in about 1 min"


def test_the_learning_of_a_style_makes_way_too(configure: Callable[..., None]) -> None:
    configure(AML_NODES_MAX="1", RESTART_SECONDS="10", LEARN_MINUTES="60")
    job = Job.of_style("learn/waves.jpg", "etag")
    turns.enter(job, ASKED)
    state = State(job, Work(paths.STYLES, job.blob, 100, 1), started=ASKED, since=now())
    learning = at_work(state, 1, 3000)
    shares.take(video("clip", 20, 1))
    assert shares.take(learning, works=True, left=3000).nodes == 0


def test_the_learning_of_a_style_does_not_wait_for_a_film(
    configure: Callable[..., None],
) -> None:
    configure(AML_NODES_MAX="2", RESTART_SECONDS="60", LEARN_MINUTES="10")
    film = at_work(video("film", 7200, 2), 2, 7000)
    job = Job.of_style("soon.jpg", "etag")
    turns.enter(job, ASKED)
    state = State(job, Work(paths.STYLES, job.blob, 100, 1), started=ASKED, since=now())
    assert shares.take(state).nodes == 0
    assert shares.take(film, works=True, left=7000).nodes == 1
    at_work(replace(film, gave_way=1, changes=1), 1, 7000)
    assert shares.take(state).nodes == 1


def test_estimates_are_corrected_by_what_is_measured() -> None:
    """What was thought to take 300 s has 1200 left: a clip thought short may not be."""
    at_work(video("slow", 300, 3), 3, 1200)
    shares.take(waits := video("waits", 90, 4))
    claims = {each.claim.job_id: each.claim for each in turns.told(but="")}
    assert claims[waits.job.job_id].needs == 4 * 90


def test_nodes_of_a_job_of_the_version_before_are_its_own_to_its_end() -> None:
    old = replace(video("old", 3600, 4), attempt=1, since=0.0)
    shares.take(old, works=True)
    clip = video("clip", 20, 1)
    assert shares.take(clip).nodes == 0
    (told,) = turns.told(but=clip.job.job_id)
    assert told.claim.held == 4


def test_a_job_that_was_not_planned_has_no_claim() -> None:
    with pytest.raises(ServiceError, match="before it was planned"):
        shares.take(replace(video("film", 20, 1), work=None))
