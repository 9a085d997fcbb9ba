"""Deployments that let in whoever has the key, and some that answer nothing sensible."""

import json
from collections.abc import Generator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import override
from urllib.parse import parse_qs, urlsplit

import pytest
from azure import identity
from azure.identity import AzureCliCredential
from typer.testing import CliRunner

from cli import main
from cli.client import Client
from cli.deployment import Deployment
from cli.errors import UnreachableError
from tests.cli.test_display import job

KEY = "0123456789"


class Locked(BaseHTTPRequestHandler):
    """Lists no style to who has the key, as the Functions host does with keys."""

    def do_GET(self) -> None:
        status, body = self.answer()
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)

    def answer(self) -> tuple[HTTPStatus, bytes]:
        if self.headers["x-functions-key"] != KEY:
            return HTTPStatus.UNAUTHORIZED, b""
        return HTTPStatus.OK, json.dumps({"styles": []}).encode()

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class Broken(Locked):
    """Fails as a host does whose app does not start."""

    @override
    def answer(self) -> tuple[HTTPStatus, bytes]:
        return HTTPStatus.BAD_GATEWAY, b"<html>no</html>"


class Other(Locked):
    """Some other web site."""

    @override
    def answer(self) -> tuple[HTTPStatus, bytes]:
        return HTTPStatus.NOT_FOUND, b"<html>no</html>"


class Page(Locked):
    """Answers everything with a page, as who asks for a password does."""

    @override
    def answer(self) -> tuple[HTTPStatus, bytes]:
        return HTTPStatus.OK, b"<html>sign in</html>"

    @override
    def end_headers(self) -> None:
        self.send_header("Content-Type", "text/html; charset=utf-8")
        super().end_headers()


class Redirect(Locked):
    """Sends everybody elsewhere."""

    @override
    def answer(self) -> tuple[HTTPStatus, bytes]:
        return HTTPStatus.FOUND, b""

    @override
    def end_headers(self) -> None:
        self.send_header("Location", "https://login.example/")
        super().end_headers()


class Missing(Locked):
    """Has no job, and an upload whose event failed; counts how often it is asked."""

    asked = 0

    @override
    def answer(self) -> tuple[HTTPStatus, bytes]:
        Missing.asked += 1
        missed = [{"upload": "videos/scream/a.mp4", "message": "its event failed"}]
        return HTTPStatus.OK, json.dumps({"jobs": [], "next": None, "missed": missed}).encode()


class Many(Locked):
    """Has three jobs, two on a page."""

    @override
    def answer(self) -> tuple[HTTPStatus, bytes]:
        query = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
        (cursor,), (top,) = query["cursor"], query["top"]
        start, end = int(cursor or 0), min(3, int(cursor or 0) + min(2, int(top)))
        jobs = [job(id=f"clip-{number}").fields for number in range(start, end)]
        page = {"jobs": jobs, "next": str(end) if end < 3 else None, "missed": []}
        return HTTPStatus.OK, json.dumps(page).encode()


@contextmanager
def served(handler: type[Locked]) -> Generator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, args=[0.05]).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()


@contextmanager
def client(handler: type[Locked], key: str = "") -> Generator[Client]:
    with served(handler) as url, Deployment(url, key).client() as client:
        yield client


class Proxy(Locked):
    """A company's proxy, which answers in the place of whoever is asked for."""

    @override
    def answer(self) -> tuple[HTTPStatus, bytes]:
        name = self.path.partition("//")[2].partition("/")[0]
        return HTTPStatus.OK, json.dumps({"styles": [{"name": name}]}).encode()


def test_a_proxy_is_asked_for_what_is_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as server:
        Thread(target=server.serve_forever, args=[0.05]).start()
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("NO_PROXY", "")
        try:
            with Deployment("http://atelier.example").client() as app:
                assert app.styles() == [{"name": "atelier.example"}]
        finally:
            server.shutdown()


def test_the_key_lets_in() -> None:
    with client(Locked, KEY) as app:
        assert app.styles() == []


@pytest.mark.parametrize("key", ["", "wrong"])
def test_without_the_key_it_is_said_what_to_give(key: str) -> None:
    with client(Locked, key) as app, pytest.raises(UnreachableError, match="with --key"):
        app.styles()


@pytest.mark.parametrize(
    "words",
    [
        ["--url", "{url}", "--key", KEY, "styles"],
        ["styles", "--key", KEY, "--json", "--url", "{url}"],
        ["--url={url}", "styles", f"--key={KEY}"],
    ],
)
def test_the_deployment_is_named_before_the_command_or_after(words: list[str]) -> None:
    with served(Locked) as url:
        asked = CliRunner().invoke(main.app, [word.format(url=url) for word in words])
    assert asked.exit_code == 0, asked.output


def test_what_names_a_deployment_needs_a_value_and_is_a_file_after_two_dashes() -> None:
    asked = CliRunner().invoke(main.app, ["styles", "--key"])
    assert (asked.exit_code, "'--key' requires an argument" in asked.output) == (2, True)
    asked = CliRunner().invoke(main.app, ["restyle", "--style", "scream", "--", "--key", KEY])
    assert (asked.exit_code, "'--key' does not exist" in asked.output) == (2, True)


def test_uploads_without_a_job_are_named_beside_the_jobs() -> None:
    with served(Missing) as url:
        asked = CliRunner().invoke(main.app, ["--url", url, "status", "--json"])
    assert (asked.exit_code, asked.stdout, Missing.asked) == (0, "", 1)
    assert asked.stderr == "videos/scream/a.mp4 has no job yet: its event failed\n"


@pytest.mark.parametrize(("top", "more"), [(1, "1; --top 10"), (2, "2; --top 20"), (3, "")])
def test_a_list_that_goes_on_says_so(top: int, more: str) -> None:
    with served(Many) as url:
        asked = CliRunner().invoke(main.app, ["--url", url, "status", "--top", str(top)])
    assert [line.split()[0] for line in asked.stdout.splitlines()[1:]] == [
        f"clip-{number}" for number in range(top)
    ]
    assert asked.stderr == (f"These are the latest {more} lists more.\n" if more else "")


def test_a_host_that_fails_is_no_refusal() -> None:
    with client(Broken) as app, pytest.raises(UnreachableError, match="answered 502 Bad Gateway"):
        app.styles()


@pytest.mark.parametrize("handler", [Other, Page, Redirect])
def test_what_is_no_deployment_is_said_to_be_none(handler: type[Locked]) -> None:
    said = "answered .* and not as Atelier does: is it the right URL"
    with client(handler) as app, pytest.raises(UnreachableError, match=said):
        app.styles()


def test_what_speaks_no_https_is_said_in_words() -> None:
    said = r"does not answer \(wrong version number\): .*, so its URL begins with http:"
    with (
        served(Locked) as url,
        Deployment(url.replace("http:", "https:")).client() as app,
        pytest.raises(UnreachableError, match=said),
    ):
        app.styles()


def test_who_cannot_be_signed_in_is_told_how(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # One way to sign in, and no tool for it: the last, a browser, would wait for somebody.
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(identity, "DefaultAzureCredential", lambda **_: AzureCliCredential())
    with served(Locked) as url:
        asked = CliRunner().invoke(main.app, ["--url", url, "--audience", "mine", "styles"])
    assert isinstance(asked.exception, UnreachableError)
    assert str(asked.exception).startswith("nobody could be signed in for 'mine': run `az login`")
    assert asked.stderr == ""
