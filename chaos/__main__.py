"""`python -m chaos`: run trials, keep what comes of them, and say whether any went wrong."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from chaos import report
from chaos.plants import PLANTS, plant
from chaos.scene import Scene
from chaos.schedule import FAULTS, Schedule
from chaos.trial import Trials, UnsoundError
from emulator.config import CORE_TOOLS, PROJECT_ROOT
from emulator.signals import end_as_interrupts

FRESH_AFTER = 25
"""Trials after which a new scene is set up: an old one remembers every job."""


FOUND = 4
"""Exit status of a copy with a planted bug whose schedules found it; a crash has another."""


def main() -> int:
    """Run what the command line asks for; return 1 where a trial went wrong, or a plant passed."""
    end_as_interrupts()
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--seeds", type=int, default=50, help="how many schedules")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--again", action="store_true", help="run those again that were kept")
    parser.add_argument(
        "--faults", nargs="+", choices=FAULTS, default=[*FAULTS], metavar="FAULT",
        help="draw from these alone: " + ", ".join(FAULTS),
    )  # fmt: skip
    parser.add_argument(
        "--always", choices=FAULTS, metavar="FAULT", help="strikes in every schedule, with another"
    )
    parser.add_argument(
        "--patience", type=float, default=1, help="how many times as long everything may take"
    )
    parser.add_argument(
        "--plant", choices=PLANTS, help="run with a bug planted, which must be found"
    )
    parser.add_argument(
        "--core-tools", action="store_true", help="on `func start`, whose clock stays as it is"
    )
    parser.add_argument("--planted", choices=PLANTS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.core_tools:
        os.environ[CORE_TOOLS] = "yes"
    if arguments.plant:
        return _find(arguments.plant, arguments.patience)
    if arguments.planted:
        found = [*_run(PLANTS[arguments.planted].schedules, arguments.patience)]
        return FOUND if found else 0
    seeds = range(arguments.first, arguments.first + arguments.seeds)
    wanted = [Schedule.of(seed, arguments.faults, arguments.always) for seed in seeds]
    return _keep(wanted, again=arguments.again, patience=arguments.patience)


def _keep(wanted: Iterable[Schedule], *, again: bool, patience: float) -> int:
    kept = report.read()
    trials: list[dict[str, Any]] = kept["trials"]
    if again:
        trials.clear()
    done = [report.schedule(trial) for trial in trials]
    left = [schedule for schedule in wanted if schedule not in done]
    for start in range(0, len(left), FRESH_AFTER):
        for trial in _trials(left[start : start + FRESH_AFTER], patience):
            trials.append(trial)
            kept["versions"] = {name: version(name) for name in ("durabletask", "av", "torch")}
            report.write(kept)
    if report.PAGE.exists():
        report.put_into(report.PAGE, report.table(trials))
    wrong = [trial["seed"] for trial in trials if trial["violations"]]
    print(f"{len(trials)} schedules, {len(wrong)} with violations: {wrong}")
    return 1 if wrong else 0


def _run(schedules: Sequence[Schedule], patience: float) -> Iterator[str]:
    try:
        for trial in _trials(schedules, patience):
            yield from trial["violations"]
    except UnsoundError as error:
        print(f"     VIOLATION: {error}", flush=True)
        yield str(error)


def _trials(schedules: Sequence[Schedule], patience: float) -> Iterator[dict[str, Any]]:
    with (
        tempfile.TemporaryDirectory() as folder,
        Scene.set_up(Path(folder) / "state", patience=patience) as scene,
    ):
        trials = Trials(scene, {schedule.clip for schedule in schedules})
        for schedule in schedules:
            trial = trials.run(schedule)
            _say(trial)
            yield trial


def _say(trial: dict[str, Any]) -> None:
    strikes = "; ".join(
        f"{each['fault']} at {each['moment']} {each['nth']}{'' if each['hit'] else ' (no target)'}"
        for each in trial["strikes"]
    )
    end = f"{trial['status']} in attempt {trial['attempts']}, {trial['seconds']} s"
    print(f"{trial['seed']:4} {end}: {strikes}", flush=True)
    for violation in trial["violations"]:
        print(f"     VIOLATION: {violation}", flush=True)


def _find(name: str, patience: float) -> int:
    """Run the schedules of a planted bug in a copy of the project that has it."""
    with tempfile.TemporaryDirectory() as folder:
        plant(name, Path(folder))
        command = [str(PROJECT_ROOT / ".venv/bin/python"), "-m", "chaos", "--planted", name]
        command += ["--patience", str(patience)]
        status = subprocess.run(command, cwd=folder, check=False).returncode
    if status not in {0, FOUND}:
        raise SystemExit(f"the schedules for the bug {name!r} could not be run")
    found = status == FOUND
    print(f"the bug {name!r} was {'found' if found else 'NOT found'}")
    return 0 if found else 1


if __name__ == "__main__":
    sys.exit(main())
