"""Options of all tests, how hypothesis tries, and how the tests are shared out.

`make test` runs them in several processes at once, each file in one of them.
"""

import os
from pathlib import Path

import hypothesis
import pytest

from emulator.config import CORE_TOOLS
from tests.real_videos import REAL_VIDEOS

TESTS = Path(__file__).parent
LONG = (
    *("end_to_end", "benchmarks", "gpu_worker", "chaos", "fuzz", "tools", "emulator", "infra"),
    *("function_app/stages", "function_app/compute", "function_app/upkeep", "function_app/api"),
    *("function_app/test_orchestrator.py", "function_app/test_learn_style.py"),
    *("function_app/test_app.py", "function_app/store/test_index.py", "cli/test_transfer.py"),
    *("function_app/test_lines.py", "function_app/host/test_logs.py"),
)
"""What takes long: jobs, emulated services, PyTorch, the Bicep compiler, real videos.

It goes first, lest one process be at work alone in the end; `--quick` leaves it out.
"""

if "PYTEST_XDIST_WORKER" in os.environ:
    # Threads of several processes at once would wait for each other.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# No test is about how long something takes: a busy machine would fail it.
hypothesis.settings.register_profile(
    "patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("patient")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--quick", action="store_true", help="leave out what takes long")
    parser.addoption(
        "--core-tools",
        action="store_true",
        help="emulators run `func start` in place of their own host (EMULATOR_HOST_KEY: its key)",
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--core-tools"):
        os.environ[CORE_TOOLS] = "yes"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out of a quick run what takes long; it is not even imported."""
    return True if config.getoption("--quick") and _place(collection_path) < len(LONG) else None


@pytest.fixture(scope="session")
def real_videos() -> Path:
    """Real videos, where this checkout has some beside it."""
    if not REAL_VIDEOS.is_dir():
        pytest.skip("there are no real videos beside this checkout")
    return REAL_VIDEOS


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Half as many again as cores: tests with an emulator wait for half of their time."""
    return (os.process_cpu_count() or 1) * 3 // 2


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: _place(item.path))


def _place(path: Path) -> int:
    """Return the place in `LONG` of what a path lies in; its length where that is not there."""
    return next((n for n, each in enumerate(LONG) if path.is_relative_to(TESTS / each)), len(LONG))
