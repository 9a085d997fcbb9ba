"""A seed is a schedule, always the same; together the seeds try every fault at every moment."""

from dataclasses import asdict
from itertools import product

import pytest

from chaos import report
from chaos.faults import DEEDS
from chaos.schedule import FAULTS, LATEST, MOMENTS, Schedule, Strike

PAIRS = {pair for fault, moments in FAULTS.items() for pair in product([fault], moments)}


def test_a_seed_is_always_the_same_schedule() -> None:
    assert Schedule.of(7) == Schedule.of(7)
    assert Schedule.of(7) != Schedule.of(8)


def test_consecutive_seeds_try_every_fault_at_every_moment() -> None:
    schedules = [Schedule.of(seed) for seed in range(-(-len(PAIRS) // 2))]
    tried = {(strike.fault, strike.moment) for each in schedules for strike in each.strikes}
    assert tried == PAIRS


def test_schedules_may_be_drawn_from_some_faults_alone() -> None:
    some = ["event lost", "kill the host"]
    strikes = [each for seed in range(20) for each in Schedule.of(seed, some).strikes]
    assert {each.fault for each in strikes} == set(some)
    assert {each.moment for each in strikes if each.fault == "kill the host"} == {
        *FAULTS["kill the host"]
    }


def test_one_fault_may_strike_in_every_schedule_and_meets_all_others() -> None:
    schedules = [Schedule.of(seed, always="a clip comes") for seed in range(len(PAIRS))]
    met = [(first.fault, second) for first, second in (each.strikes for each in schedules)]
    assert {fault for fault, _ in met} == {"a clip comes"}
    assert {(each.fault, each.moment) for _, each in met} == PAIRS


def test_a_kept_trial_tells_its_schedule() -> None:
    schedule = Schedule.of(5)
    strikes = [{**asdict(each), "hit": True} for each in schedule.strikes]
    assert report.schedule({"seed": 5, "clip": schedule.clip, "strikes": strikes}) == schedule


def test_the_table_has_a_place_for_every_fault_and_moment() -> None:
    strikes = [{**asdict(Strike(*pair, 1)), "hit": True} for pair in sorted(PAIRS)]
    _, _, *rows = report.table(
        [{"strikes": strikes, "status": "Completed", "violations": []}]
    ).splitlines()
    cells = {row.split(" | ")[0].removeprefix("| "): row.count(" R ") for row in rows}
    assert cells == {fault: len(moments) for fault, moments in FAULTS.items()}


def test_a_later_round_of_seeds_gives_faults_other_company() -> None:
    def company(first: int) -> set[frozenset[tuple[str, str]]]:
        schedules = (Schedule.of(seed) for seed in range(first, first + len(PAIRS)))
        return {
            frozenset((strike.fault, strike.moment) for strike in each.strikes)
            for each in schedules
        }

    assert len(company(0) & company(len(PAIRS))) < len(PAIRS) / 10


def test_every_fault_can_be_done_and_every_moment_comes() -> None:
    assert set(DEEDS) == set(FAULTS)
    assert {moment for _, moment in PAIRS} == {*MOMENTS, "upload", "end"}
    strikes = [each for seed in range(50) for each in Schedule.of(seed).strikes]
    assert all(0 < each.nth <= LATEST.get(each.moment, 1) for each in strikes)


@pytest.mark.parametrize(
    ("moment", "line"),
    [
        ("preprocess", "GET /devstoreaccount1/videos/identity/sound-1-2.mp4"),
        ("plan", "PUT /devstoreaccount1/jobs/sound-1-2-abc/plan.json"),
        ("submit", "PUT /subscriptions/0/resourceGroups/local/x/jobs/sound-a1?api-version=1"),
        ("poll", "GET /subscriptions/0/resourceGroups/local/x/jobs/sound-a1?api-version=1"),
        ("paint", "PUT /devstoreaccount1/jobs/sound-1-2-abc/work/00001.mp4"),
        ("join", "GET /devstoreaccount1/jobs/sound-1-2-abc/work/00001.mp4"),
        ("commit", "PUT /devstoreaccount1/results/identity/sound-1-2.mp4?comp=blocklist"),
        ("clean", "POST /devstoreaccount1/jobs?restype=container&comp=batch"),
        ("clean", "DELETE /devstoreaccount1/jobs/turns/2026-11-24T15%3A00%3A11.4Z-sound-1-2-abc"),
    ],
)
def test_a_request_belongs_to_one_moment(moment: str, line: str) -> None:
    assert [name for name, requests in MOMENTS.items() if requests.match(line)] == [moment]
