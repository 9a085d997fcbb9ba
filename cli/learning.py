"""A style that is learnt from a painting: asked for, its painting uploaded, followed to its end."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import typer

from cli import names
from cli.board import Board, Line
from cli.client import Client, Fields, Job
from cli.display import say
from cli.errors import CommandError, NotPaintedError, RefusedError
from cli.studio import POLL_S
from cli.transfer import Stamp, md5_of, upload

PREVIEW_S = 20.0
"""Seconds between looks at what a style looks like so far, which changes each minute."""


def learn(
    client: Client, painting: Path, order: Fields, *, preview: Path | None, detach: bool
) -> Fields:
    """Have a style learnt; return how it stands in the end.

    Args:
        client: of the deployment.
        painting: file that is uploaded.
        order: what the style is to be like: its `name`, and `replace`.
        preview: file to keep in what it looks like so far.
        detach: return as soon as it is uploaded.

    Raises:
        CommandError: it is refused, or does not come.
    """
    stamp, name = Stamp.of(painting), order["name"]
    order |= {"filename": painting.name, "bytes": stamp.size, "md5": md5_of(painting)}
    granted = _leave(client, order)
    is_there = "url" not in granted
    style: Fields = {}
    with Board() as board:
        line = board.line(name)
        try:
            if not is_there:
                _upload(client, painting, stamp, order, granted, line)
            is_there = True
            line.moving("Learning", None)
            if preview and not detach:
                say(f"{names.printable(preview)} will show what it looks like so far.")
            for stands in _until_learnt(client, name, line, preview):
                style = stands
                if detach:
                    break
        except CommandError:
            line.fails()
            raise
        except KeyboardInterrupt:
            line.fails("Interrupted")
            say(_left(name, style.get("job"), is_there))
            raise
        line.ends("Uploaded" if detach else "Ready")
    return style


def _leave(client: Client, order: Fields) -> Fields:
    """Ask where to put a painting; ask the user where that would replace a style."""
    try:
        return client.learn(order)
    except RefusedError as error:
        if error.code != "style-exists":
            raise
        if not sys.stdin.isatty() or not typer.confirm(f"{error}. Replace it?", err=True):
            message = f"{error}: choose another name, or say --replace"
            raise RefusedError(message, error.code) from error
        return client.learn({**order, "replace": True})


def _upload(
    client: Client, painting: Path, stamp: Stamp, order: Fields, granted: Fields, line: Line
) -> None:
    line.moving("Uploading", stamp.size)
    upload(
        painting,
        granted["url"],
        granted["headers"],
        line.moved,
        stamp=stamp,
        renew=lambda: client.learn({**order, "replace": True})["url"],
        patience=client.patience,
    )


def _learning(client: Client, name: str) -> Fields:
    """Return how a style stands; by its name alone where nothing is known of it yet."""
    found = (style for style in client.styles() if style["name"] == name)
    return next(found, {"name": name, "state": "learning", "job": None})


def _until_learnt(client: Client, name: str, line: Line, preview: Path | None) -> Iterator[Fields]:
    """Yield how a style stands until it is ready; keep in a file what it looks like so far."""
    looked = -PREVIEW_S  # seconds; of the last look that showed something
    while True:
        style = _learning(client, name)
        if style["state"] == "failed":
            raise NotPaintedError(f"{name}: {style['message']}")
        yield style
        if style["state"] == "ready":
            if preview and looked < 0 and style["thumbnail"]:
                _keep(client.thumbnail(name), preview)
            return
        job = style["job"]
        if job and (making := known(client, job)):
            line.stands(making)
            image = _preview(client, job) if preview and _is_time(looked) else None
            if preview and image:
                _keep(image, preview)
                looked = time.monotonic()
        client.patience.pause(POLL_S)


def _left(name: str, job: str | None, is_there: bool) -> str:
    """Say what becomes of a style whose making nobody follows any longer."""
    if not is_there:
        return f"Interrupted. {name} is not uploaded; the same command goes on with it."
    return (
        f"Interrupted. {name} is learnt without this command; atelier styles shows how it stands, "
        f"atelier cancel {job or name} ends it."
    )


def _is_time(looked: float) -> bool:
    return time.monotonic() - looked > PREVIEW_S


def _preview(client: Client, job: str) -> bytes | None:
    """Return what a style looks like so far; None while it does not, and once its job has ended."""
    try:
        return client.preview(job)
    except RefusedError:
        return None


def _keep(image: bytes, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(image)


def known(client: Client, job: str) -> Job | None:
    """Return how a job stands; None in the moments before it has started."""
    try:
        return client.job(job)
    except RefusedError:
        return None
