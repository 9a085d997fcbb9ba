"""A seeded part of the fuzzing, and the tools that it is done with."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from fuzz import seeds
from fuzz.boxes import Box, box, boxes, replaced
from fuzz.campaign import journeys, mutant
from fuzz.journey import REFUSED, RESULT, VIOLATION
from fuzz.specials import specials

HANGING = """
import os
from pathlib import Path
from time import sleep

from emulator.config import Config
from function_app.store.jobs import Job
from fuzz.journey import in_child

def waits_for_ever(job):
    sleep(1000)

os.environ.update(Config.on_free_ports(Path("nowhere")).app_settings)
job = Job.of("plain/video.mp4", "etag")
print([in_child(waits_for_ever, job, most_s=2), in_child(lambda _: "much" * 2**16, job)])
"""
MUTANTS = 60
FOUND = (984,)
"""Mutants that once broke a rule: sound that, copied to MP4, could not be read back."""


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return seeds.make(tmp_path_factory.mktemp("seeds"))


def test_every_mutant_ends_by_the_rules() -> None:
    ends = [end for _, _, end in journeys([*range(MUTANTS), *FOUND])]
    assert [end for end in ends if end.outcome == VIOLATION] == []
    assert {end.outcome for end in ends} >= {RESULT, REFUSED}


def test_the_command_keeps_how_each_mutant_ended(tmp_path: Path) -> None:
    words = ("--mutants", "2", "--results", str(kept := tmp_path / "fuzz.json"))
    command = [sys.executable, "-m", "fuzz", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    ends = json.loads(kept.read_text())["ends"]
    assert {name: outcome for name, outcome, *_ in ends.values()} == {
        "empty.mp4": REFUSED,
        "one_byte.mp4": REFUSED,
    }


def test_of_a_step_that_hangs_it_is_said_where_and_one_that_says_much_does_not() -> None:
    done = subprocess.run([sys.executable, "-c", HANGING], capture_output=True, check=True)
    (outcome, said, _), (other, much, _) = ast.literal_eval(done.stdout.decode())
    assert (other, len(much)) == (RESULT, 2**18)
    assert outcome == VIOLATION
    assert said.startswith("hung for 2 s: ")
    assert "in waits_for_ever" in said


def test_a_number_is_always_the_same_mutant(good: dict[str, bytes]) -> None:
    hurtful = specials(good, "trap", "url")
    assert mutant(999, good, hurtful) == mutant(999, good, hurtful)
    assert mutant(999, good, hurtful) != mutant(999 + len(good), good, hurtful)


def test_the_seeds_are_of_many_kinds(good: dict[str, bytes]) -> None:
    assert len({Path(name).suffix for name in good}) >= 8
    assert all(len(content) < 200_000 for content in good.values())


def test_boxes_are_found_with_those_within() -> None:
    content = box(b"ftyp", b"isom") + box(b"moov", box(b"mvhd", b"1234") + box(b"trak", b""))
    assert [each.kind for each in boxes(content)] == [b"ftyp", b"moov", b"mvhd", b"trak"]
    assert next(boxes(content)) == Box(b"ftyp", 0, 12)


def test_boxes_around_a_replaced_one_grow() -> None:
    content = box(b"moov", box(b"trak", b"ab") + box(b"udta", b""))
    target = next(each for each in boxes(content) if each.kind == b"trak")
    grown = replaced(content, target, box(b"trak", b"abcdef"))
    assert grown == box(b"moov", box(b"trak", b"abcdef") + box(b"udta", b""))
