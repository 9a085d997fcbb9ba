"""Secrets stay where they are: no log, status, history or blob holds one after a run."""

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from emulator.config import ACCOUNT_KEY
from tests.end_to_end.conftest import Atelier, running
from tests.end_to_end.media import Media

CANARY = "canary-7c1f0e5b9d"
SECRETS = (ACCOUNT_KEY, CANARY, "AccountKey=", "?sig=", "&sig=")
"""The account's key, a secret setting, and what signed URLs hold.

Each is so long that the weights of a style do not hold it by chance.
"""


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Generator[Atelier]:
    """An emulator whose app has a secret in its settings, and that has been asked for a URL."""
    state = tmp_path_factory.mktemp("secrets")
    with running(state, APPLICATIONINSIGHTS_SECRET=CANARY) as atelier:
        yield atelier


@pytest.fixture(scope="module")
def run(watched: Atelier, media: Media) -> Atelier:
    """Run a job that ends well, one that is refused, and one whose host is killed."""
    good = watched.upload_as_told(media.moving(1), "good.mp4")
    bad = watched.upload_as_told(b"Dear diary,\n", "bad.mp4")
    assert watched.wait(good)["status"] == "Completed"
    assert watched.wait(bad)["status"] == "Failed"
    watched.result(good)
    return watched


def test_no_log_and_no_record_holds_a_secret(run: Atelier) -> None:
    state = run.config.state
    files = [*_files(state / "logs"), *_files(state / "jobs"), state / "taskhub.sqlite3"]
    assert any("functions" in file.name for file in files)
    assert [(file.name, secret) for file in files for secret in _in(file.read_bytes())] == []


def test_no_answer_of_the_api_holds_a_secret_but_the_links_asked_for(run: Atelier) -> None:
    for path in ("/api/jobs", "/api/styles", "/runtime/webhooks/durabletask/instances"):
        assert _in(run.http.get(path).content) == []
    for job in run.http.get("/api/jobs").json()["jobs"]:
        instance = f"/runtime/webhooks/durabletask/instances/{job['id']}"
        history = run.http.get(
            instance, params={"showHistory": "true", "showHistoryOutput": "true"}
        )
        assert _in(run.http.get(f"/api/jobs/{job['id']}").content) == []
        assert _in(history.content) == []


@pytest.mark.parametrize("container", ["results", "jobs", "spend", "styles"])
def test_no_blob_holds_a_secret(run: Atelier, container: str) -> None:
    client = run.container(container)
    for name in client.list_blob_names():
        assert _in(client.download_blob(name).readall()) == []


def test_the_search_finds_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "log").write_text(f"connecting with AccountKey={ACCOUNT_KEY};")
    assert _in((tmp_path / "log").read_bytes()) == [ACCOUNT_KEY, "AccountKey="]


def test_the_search_finds_a_signed_url(run: Atelier) -> None:
    wish = {"filename": "film.mp4", "style": "identity", "bytes": 1}
    url = run.http.post("/api/uploads", json=wish).raise_for_status().json()["url"]
    assert _in(url.encode()) == ["&sig="]


def _files(folder: Path) -> Iterator[Path]:
    return (file for file in folder.rglob("*") if file.is_file())


def _in(content: bytes) -> list[str]:
    return [secret for secret in SECRETS if secret.encode() in content]
