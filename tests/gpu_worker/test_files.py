"""Files that appear whole or not at all."""

from pathlib import Path

import pytest

from gpu_worker.files import write_whole


def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path: Path):
    file = tmp_path / "a.b.json"
    write_whole(file, b"first")
    write_whole(file, b"second")
    assert file.read_bytes() == b"second"
    assert list(tmp_path.iterdir()) == [file]


def test_what_cannot_be_written_leaves_the_old_file(tmp_path: Path):
    file = tmp_path / "file"
    write_whole(file, b"old")
    (tmp_path / "file.part").mkdir()
    with pytest.raises(IsADirectoryError):
        write_whole(file, b"new")
    assert file.read_bytes() == b"old"
