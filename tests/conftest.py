"""Options of all tests, and how hypothesis tries."""

import os

import hypothesis
import pytest

from emulator.config import CORE_TOOLS

# No test is about how long something takes: a busy machine would fail it.
hypothesis.settings.register_profile(
    "patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("patient")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--core-tools",
        action="store_true",
        help="emulators run `func start` in place of their own host (EMULATOR_HOST_KEY: its key)",
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--core-tools"):
        os.environ[CORE_TOOLS] = "yes"
