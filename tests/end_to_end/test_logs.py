"""What a run leaves in logs, records and blobs: all that it should, no warning and no secret."""

import io
import json
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from emulator.config import ACCOUNT_KEY
from tests.end_to_end.conftest import Atelier, running
from tests.end_to_end.media import Media

CANARY = "canary-7c1f0e5b9d"
SECRETS = (ACCOUNT_KEY, CANARY, "AccountKey=", "?sig=", "&sig=")
"""The account's key, a secret setting, and what signed URLs hold.

Each is so long that the weights of a style do not hold it by chance.
"""


@dataclass(frozen=True)
class Run:
    """An emulator that has done a job as it does by default, and then refused another.

    Attributes:
        atelier: with a secret in its settings, and asked for URLs to upload to.
        job_id: of the job that went well.
        records: what was logged by its end.
    """

    atelier: Atelier
    job_id: str
    records: list[dict[str, Any]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, media: Media) -> Generator[Run]:
    state = tmp_path_factory.mktemp("run")
    settings = {"MISSED_AFTER_MINUTES": "5", "SWATCHES": "8", "APPLICATIONINSIGHTS_SECRET": CANARY}
    with running(state, **settings) as atelier:
        good = atelier.upload_as_told(media.moving(1), "good.mp4")
        assert atelier.wait(good)["status"] == "Completed"
        records = [*logged(state / "logs")]
        bad = atelier.upload_as_told(b"Dear diary,\n", "bad.mp4")
        assert atelier.wait(bad)["status"] == "Failed"
        atelier.result(good)
        yield Run(atelier, good, records)


def test_a_start_and_a_job_that_go_well_leave_no_warning(run: Run) -> None:
    assert any(record["job"] == run.job_id for record in run.records)
    assert [record for record in run.records if record["level"] != "INFO"] == []


def test_a_job_leaves_a_swatch_of_each_other_style(run: Run) -> None:
    swatches = f"/api/jobs/{run.job_id}/swatches"
    for style in ("composition_vii", "great_wave", "scream", "starry_night"):
        answer = run.atelier.http.get(f"{swatches}/{style}")
        assert Image.open(io.BytesIO(answer.content)).size == (160, 120)
    assert run.atelier.http.get(f"{swatches}/identity").status_code == 204


def logged(folder: Path) -> Iterator[dict[str, Any]]:
    for log in ("functions.log", "azureml.log"):
        for line in (folder / log).read_text().splitlines():
            yield json.loads(line)


def test_no_log_and_no_record_holds_a_secret(run: Run) -> None:
    state = run.atelier.config.state
    files = [*_files(state / "logs"), *_files(state / "jobs"), state / "taskhub.sqlite3"]
    assert any("functions" in file.name for file in files)
    assert [(file.name, secret) for file in files for secret in _in(file.read_bytes())] == []


def test_no_answer_of_the_api_holds_a_secret_but_the_links_asked_for(run: Run) -> None:
    http = run.atelier.http
    for path in ("/api/jobs", "/api/styles", "/runtime/webhooks/durabletask/instances"):
        assert _in(http.get(path).content) == []
    for job in http.get("/api/jobs").json()["jobs"]:
        instance = f"/runtime/webhooks/durabletask/instances/{job['id']}"
        history = http.get(instance, params={"showHistory": "true", "showHistoryOutput": "true"})
        assert _in(http.get(f"/api/jobs/{job['id']}").content) == []
        assert _in(history.content) == []


@pytest.mark.parametrize("container", ["results", "jobs", "spend", "styles"])
def test_no_blob_holds_a_secret(run: Run, container: str) -> None:
    client = run.atelier.container(container)
    for name in client.list_blob_names():
        assert _in(client.download_blob(name).readall()) == []


def test_the_search_finds_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "log").write_text(f"connecting with AccountKey={ACCOUNT_KEY};")
    assert _in((tmp_path / "log").read_bytes()) == [ACCOUNT_KEY, "AccountKey="]


def test_the_search_finds_a_signed_url(run: Run) -> None:
    wish = {"filename": "film.mp4", "style": "identity", "bytes": 1}
    url = run.atelier.http.post("/api/uploads", json=wish).raise_for_status().json()["url"]
    assert _in(url.encode()) == ["&sig="]


def _files(folder: Path) -> Iterator[Path]:
    return (file for file in folder.rglob("*") if file.is_file())


def _in(content: bytes) -> list[str]:
    return [secret for secret in SECRETS if secret.encode() in content]
