"""What passes is waited out, and said once; what does not pass is not waited for."""

import json
import socket
import struct
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import override

import pytest

from cli import deployment, patience
from cli.client import Client
from cli.deployment import Deployment
from cli.errors import RefusedError, UnreachableError

RESET, WELL, LATER, BUSY, NONE = "reset", 200, 429, 503, 404
PROBLEM = {"detail": "a service does not answer", "code": "unavailable"}


class Moody(BaseHTTPRequestHandler):
    """Answers as it is told, one after the other; then well for good."""

    moods: list[str | int]
    asked: int

    def do_GET(self) -> None:
        type(self).asked += 1
        mood = self.moods.pop(0) if self.moods else WELL
        if mood == RESET:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            return
        self.send_response(HTTPStatus(int(mood)))
        kind = "application/json" if mood == WELL else "application/problem+json"
        self.send_header("Content-Type", kind)
        if mood == LATER:
            self.send_header("Retry-After", "1")
        self.end_headers()
        self.wfile.write(json.dumps({"styles": []} if mood == WELL else PROBLEM).encode())

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    @override
    def finish(self) -> None:
        if not self.wfile.closed and self.connection.fileno() >= 0:
            super().finish()


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    sentences: list[str] = []
    monkeypatch.setattr(deployment, "say", sentences.append)
    monkeypatch.setattr(patience, "FIRST_S", 0.01)
    return sentences


@contextmanager
def moody(*moods: str | int) -> Generator[tuple[Client, type[Moody]]]:
    kind = type("Kind", (Moody,), {"moods": list(moods), "asked": 0})
    with ThreadingHTTPServer(("127.0.0.1", 0), kind) as server:
        Thread(target=server.serve_forever, args=[0.05]).start()
        try:
            with Deployment(f"http://127.0.0.1:{server.server_port}").client() as client:
                yield client, kind
        finally:
            server.shutdown()


@pytest.mark.parametrize("mood", [RESET, LATER, BUSY])
def test_what_passes_is_waited_out_and_said_once(said: list[str], mood: str | int) -> None:
    with moody(WELL, mood, mood, mood, WELL) as (client, server):
        assert client.styles() == client.styles() == []
    assert server.asked == 5
    (trouble, over) = said
    assert trouble.endswith(": waiting until that is over; Ctrl-C gives up.")
    assert "Errno" not in trouble
    assert over == "It goes on."


def test_many_that_wait_say_it_once(said: list[str]) -> None:
    with moody(WELL, *[BUSY] * 8) as (client, _):
        client.styles()
        threads = [Thread(target=client.styles) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert said.count("It goes on.") == len(said) / 2


def test_a_first_contact_is_not_waited_for(said: list[str]) -> None:
    with moody(RESET) as (client, _), pytest.raises(UnreachableError, match="is it the right URL"):
        client.styles()
    assert said == []


def test_a_refusal_is_no_trouble(said: list[str]) -> None:
    with moody(WELL, NONE) as (client, server):
        client.styles()
        with pytest.raises(RefusedError):
            client.styles()
        assert server.asked == 2
    assert said == []


def test_patience_ends(said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "LIMIT_S", 0.05)
    with moody(WELL, *[BUSY] * 99) as (client, _):
        client.styles()
        with pytest.raises(UnreachableError, match="for 0 minutes now"):
            client.styles()
    assert "It goes on." not in said


def test_who_waits_can_be_stopped(said: list[str]) -> None:
    with moody(WELL, *[BUSY] * 99) as (client, _):
        client.styles()
        threading.Timer(0.1, client.patience.stopping.set).start()
        with pytest.raises(patience.Stopped):
            client.styles()
    assert len(said) == 1
