"""Clips for the worker's tests."""

import pytest

from tests.function_app.media import Clips


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Clips:
    """Clips made by ffmpeg, each once."""
    return Clips(tmp_path_factory.mktemp("clips"))
