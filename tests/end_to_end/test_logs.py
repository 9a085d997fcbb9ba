"""The logs of a run in which nothing goes wrong: nothing in them should make anyone look."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.end_to_end.conftest import running
from tests.end_to_end.media import Media


def test_a_start_and_a_job_that_go_well_leave_no_warning(tmp_path: Path, media: Media) -> None:
    with running(tmp_path, MISSED_AFTER_MINUTES="5") as atelier:
        job_id = atelier.upload(media.moving(1), "quiet.mp4")
        assert atelier.wait(job_id)["status"] == "Completed"
        records = [*logged(tmp_path / "logs")]
    assert any(record["job"] == job_id for record in records)
    assert [record for record in records if record["level"] != "INFO"] == []


def logged(folder: Path) -> Iterator[dict[str, Any]]:
    for log in ("functions.log", "azureml.log"):
        for line in (folder / log).read_text().splitlines():
            yield json.loads(line)
