"""A job that goes well: its logs make nobody look, and it leaves all that it should."""

import io
import json
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.end_to_end.conftest import Atelier, running
from tests.end_to_end.media import Media

type Run = tuple[Atelier, str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, media: Media) -> Generator[Run]:
    """An emulator that has done one job as it does by default, the job, and what was logged."""
    state = tmp_path_factory.mktemp("quiet")
    with running(state, MISSED_AFTER_MINUTES="5", SWATCHES="8") as atelier:
        job_id = atelier.upload(media.moving(1), "quiet.mp4")
        assert atelier.wait(job_id)["status"] == "Completed"
        yield atelier, job_id, [*logged(state / "logs")]


def test_a_start_and_a_job_that_go_well_leave_no_warning(run: Run) -> None:
    _, job_id, records = run
    assert any(record["job"] == job_id for record in records)
    assert [record for record in records if record["level"] != "INFO"] == []


def test_a_job_leaves_a_swatch_of_each_other_style(run: Run) -> None:
    atelier, job_id, _ = run
    for style in ("composition_vii", "great_wave", "scream", "starry_night"):
        answer = atelier.http.get(f"/api/jobs/{job_id}/swatches/{style}")
        assert Image.open(io.BytesIO(answer.content)).size == (160, 120)
    assert atelier.http.get(f"/api/jobs/{job_id}/swatches/identity").status_code == 204


def logged(folder: Path) -> Iterator[dict[str, Any]]:
    for log in ("functions.log", "azureml.log"):
        for line in (folder / log).read_text().splitlines():
            yield json.loads(line)
