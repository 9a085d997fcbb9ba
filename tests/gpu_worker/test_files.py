"""Files on a mount that shows them before they are whole, and loses what a node did not upload."""

from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_worker.files import (
    Kept,
    is_json,
    is_sealed,
    write_first,
    write_shard_file,
    write_whole,
)
from gpu_worker.plan import SEAL_BYTES
from tests.gpu_worker.plans import even, synthetic_plan

PLAN = synthetic_plan(even(20), shard_length=10)
SHARD, OTHER = PLAN.shards


def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path: Path):
    file = tmp_path / "a.b.json"
    write_whole(file, b"first")
    write_whole(file, b"second")
    assert file.read_bytes() == b"second"
    assert list(tmp_path.iterdir()) == [file]


def test_of_ranks_that_write_at_one_time_the_first_is_read(tmp_path: Path):
    file = tmp_path / "failure.json"
    write_first(file, b'{"of": "the first"}')
    write_first(file, b'{"of": "the second"}')
    assert file.read_bytes() == b'{"of": "the first"}'


def test_a_rank_does_not_go_on_before_the_file_of_the_first_is_whole(tmp_path: Path):
    file = tmp_path / "failure.json"
    file.touch()
    with ThreadPoolExecutor() as pool:
        second = pool.submit(write_first, file, b'{"of": "the second"}')
        assert not wait([second], timeout=0.1).done
        file.write_bytes(b'{"of": "the first"}')
        second.result(timeout=5)
    assert file.read_bytes() == b'{"of": "the first"}'


def test_a_shard_is_there_when_its_seal_is(tmp_path: Path):
    file = tmp_path / SHARD.name
    assert not is_sealed(file, PLAN, SHARD)
    write_shard_file(file, b"painted", PLAN, SHARD)
    assert is_sealed(file, PLAN, SHARD)
    assert not is_sealed(file, PLAN, OTHER)
    assert list(tmp_path.iterdir()) == [file]


@given(content=st.binary(min_size=1, max_size=200), data=st.data())
def test_no_part_of_a_shard_is_taken_for_it(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, data: st.DataObject
):
    file = tmp_path_factory.mktemp("shard") / SHARD.name
    write_shard_file(file, content, PLAN, SHARD)
    whole = file.read_bytes()
    assert len(whole) == len(content) + SEAL_BYTES
    file.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    assert not is_sealed(file, PLAN, SHARD)
    hole = data.draw(st.integers(0, len(content) - 1))
    file.write_bytes(whole[:hole] + bytes([whole[hole] ^ 1]) + whole[hole + 1 :])
    assert not is_sealed(file, PLAN, SHARD)


@pytest.mark.parametrize(
    ("content", "answer"), [(b'{"frames": [1]}', True), (b'{"frames": [', False), (b"", False)]
)
def test_half_a_document_is_none(tmp_path: Path, content: bytes, answer: bool):
    file = tmp_path / "damage.json"
    file.write_bytes(content)
    assert is_json(file) is answer


def test_what_was_kept_last_is_read(tmp_path: Path):
    assert Kept(tmp_path / "state").read() is None
    for number in range(5):
        Kept(tmp_path / "state").write(b"%d" % number)
        assert Kept(tmp_path / "state").read() == b"%d" % number
    assert len(list(tmp_path.iterdir())) == 2
    Kept(tmp_path / "state").forget()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("length", [0, 1, 8, 20])
def test_a_run_killed_in_the_midst_of_keeping_leaves_what_it_kept_before(
    tmp_path: Path, length: int
):
    kept = Kept(tmp_path / "state")
    kept.write(b"first")
    kept.write(b"second")
    files = {file: file.read_bytes() for file in tmp_path.iterdir()}
    kept.write(b"third")
    (written,) = [file for file, before in files.items() if file.read_bytes() != before]
    written.write_bytes(written.read_bytes()[:length])
    again = Kept(tmp_path / "state")
    assert again.read() == b"second"
    again.write(b"fourth")
    assert again.read() == b"fourth"
