"""How the emulator is started: what is typed wrong is said before anything runs."""

import pytest

from emulator.__main__ import parse_arguments


def test_ports_and_numbers_are_taken() -> None:
    config = parse_arguments(["--port", "8080", "--nodes", "2", "--processes-per-node", "3"])
    assert (config.port, config.nodes, config.processes_per_node) == (8080, 2, 3)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--port", "65536"], "--port: '65536' is no whole number from 1 to 65535"),
        (["--blob-port", "0"], "--blob-port: '0' is no whole number from 1 to 65535"),
        (["--aml-port", "some"], "--aml-port: 'some' is no whole number"),
        (["--nodes", "0"], "--nodes: '0' is no whole number from 1 to 1000"),
        (["--processes-per-node", "-1"], "--processes-per-node: '-1' is no whole number"),
    ],
)
def test_what_cannot_be_is_said_before_anything_runs(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        parse_arguments(words)
    assert sentence in capsys.readouterr().err
