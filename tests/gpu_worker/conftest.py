"""Clips for the worker's tests, and one thread for their computing."""

import pytest
import torch

from tests.function_app.clips import Clips


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Clips:
    """Clips made by ffmpeg, each once."""
    return Clips(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Compute in one thread: on a busy machine several wait for each other, for seconds a step."""
    torch.set_num_threads(1)
