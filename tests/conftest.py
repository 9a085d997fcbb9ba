"""Options of all tests."""

import os

import pytest

from emulator.config import CORE_TOOLS


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--core-tools",
        action="store_true",
        help="emulators run `func start` in place of their own host (EMULATOR_HOST_KEY: its key)",
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--core-tools"):
        os.environ[CORE_TOOLS] = "yes"
