"""What docs/files.md says of each kind of file is what becomes of it."""

from fuzz.__main__ import table
from fuzz.kinds import table_of_page


def test_the_table_of_kinds_is_what_becomes_of_them() -> None:
    assert table_of_page().splitlines() == table().splitlines()
