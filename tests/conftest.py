"""Options of all tests, how hypothesis tries, and how the tests are shared out.

`make test` runs them in several processes at once, each file in one of them.
"""

import os
from pathlib import Path

import hypothesis
import pytest

from emulator.config import CORE_TOOLS

TESTS = Path(__file__).parent
LONG = ("end_to_end", "benchmarks", "gpu_worker", "chaos", "fuzz", "tools")
"""Folders of what takes long: it goes first, lest one process be at work alone in the end."""

if "PYTEST_XDIST_WORKER" in os.environ:
    # Threads of several processes at once would wait for each other.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

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


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Half as many again as cores: tests with an emulator wait for half of their time."""
    return (os.process_cpu_count() or 1) * 3 // 2


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def order(item: pytest.Item) -> int:
        folder = item.path.relative_to(TESTS).parts[0]
        return LONG.index(folder) if folder in LONG else len(LONG)

    items.sort(key=order)
