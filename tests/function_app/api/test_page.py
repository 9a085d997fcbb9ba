"""The page's files, asked through the real Functions worker library: what is served, and how."""

import json
import re
from typing import Any

import pytest

from function_app.api.listing import MOST_TOP
from function_app.api.page import FOLDER
from function_app.api.view import ENDED, STATUSES
from function_app.store.jobs import Stage
from function_app.store.paths import CHECKPOINT_SUFFIXES, PAINTING_SUFFIXES, VIDEO_SUFFIXES
from tests.function_app.wire import Worker, http

FILES = sorted(each.name for each in FOLDER.iterdir())


def asset(worker: Worker, name: str, **headers: str) -> Any:
    request = http("GET", f"/assets/{name}", headers=headers, file=name)
    return worker.call("get_asset", req=request).http


def test_the_page_is_served(worker: Worker) -> None:
    answer = worker.call("get_page", req=http("GET", "/")).http
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.body.bytes == (FOLDER / "index.html").read_bytes()


@pytest.mark.parametrize("name", FILES)
def test_every_file_of_the_page_is_served(worker: Worker, name: str) -> None:
    answer = asset(worker, name)
    assert answer.status_code == "200"
    assert answer.body.bytes == (FOLDER / name).read_bytes()


@pytest.mark.parametrize("name", ["", "..", "../api/page.py", "page.py", "index.html/", "/etc"])
def test_nothing_else_is_served(worker: Worker, name: str) -> None:
    assert asset(worker, name).status_code == "404"


def test_a_file_that_the_browser_has_is_not_sent_again(worker: Worker) -> None:
    tag = asset(worker, "app.js").headers["ETag"]
    again = asset(worker, "app.js", **{"If-None-Match": tag})
    assert (again.status_code, again.body.bytes) == ("304", b"")
    assert asset(worker, "api.js", **{"If-None-Match": tag}).status_code == "200"


@pytest.mark.parametrize("name", ["index.html", "app.js", "base.css"])
def test_the_policy_allows_the_app_and_its_storage_alone(
    worker: Worker, name: str, azurite_config: Any
) -> None:
    headers = asset(worker, name).headers
    rules = dict(rule.split(" ", 1) for rule in headers["Content-Security-Policy"].split("; "))
    account = azurite_config.blob_url.rpartition("/")[0]
    assert rules["default-src"] == rules["frame-ancestors"] == rules["form-action"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == "'self'"
    assert rules["connect-src"] == f"'self' {account}"
    assert rules["media-src"] == account
    assert rules["require-trusted-types-for"] == "'script'"
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_the_page_takes_the_endings_that_videos_have() -> None:
    markup = (FOLDER / "index.html").read_text()
    assert f'accept="video/*,{",".join(VIDEO_SUFFIXES)}"' in markup


def test_the_page_takes_the_endings_that_sources_of_styles_have() -> None:
    markup = (FOLDER / "index.html").read_text()
    assert f'accept="{",".join((*PAINTING_SUFFIXES, *CHECKPOINT_SUFFIXES))}"' in markup


def test_the_page_has_the_words_and_the_limit_of_the_api() -> None:
    markup, jobs, work, gallery = (
        (FOLDER / name).read_text() for name in ("index.html", "jobs.js", "work.js", "gallery.js")
    )
    (ended,) = re.findall(r"^const ENDED = new Set\((.*)\);$", jobs, re.MULTILINE)
    (stages,) = re.findall(r"^const STAGES = \{(.*?)^\};$", work, re.MULTILINE | re.DOTALL)
    (filters,) = re.findall(r'id="filter".*?</select>', markup, re.DOTALL)
    assert set(json.loads(ended)) == ENDED
    assert set(re.findall(r"^  (\w+):", stages, re.MULTILINE)) <= set(Stage)
    assert set(re.findall(r'value="(\w+)"', filters)) <= set(STATUSES.values())
    assert f"const MOST = {MOST_TOP};" in gallery
