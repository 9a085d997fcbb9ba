"""What is told of each thing that a command was asked for, and the status that it ends with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import typer

from cli import names
from cli.client import Client
from cli.display import say, tell
from cli.errors import CommandError, RefusedError
from cli.studio import Work


def for_each(
    client: Client,
    things: list[str],
    ask: Callable[[Client, str], object],
    done: str,
    json: bool,
) -> None:
    """Ask something for each of some things; say of each what came of it, and go on."""
    failure: CommandError | None = None
    for each in things:
        error: CommandError | None = None
        try:
            ask(client, each)
        except RefusedError as refusal:
            failure = error = refusal
        if json:
            code, said = (error.code, str(error)) if error else (None, None)
            tell({"id": each, "code": code, "error": said})
        else:
            say(error.sentence if error else f"{each} {done}")
    if failure:
        raise typer.Exit(failure.status)


def asked(client: Client, ids: Sequence[str]) -> list[Work]:
    """Return the jobs of some ids, each once; of an id that is none, why."""
    works: list[Work] = []
    for each in dict.fromkeys(ids):
        try:
            works.append(Work(None, job=client.job(each), asked=each))
        except RefusedError as error:
            works.append(Work(None, error=error, asked=each))
    return works


def report(works: Sequence[Work], ended: Iterator[Work], json: bool) -> None:
    """Tell of each work as it ends; end the command by the last that did not end well."""
    failure: CommandError | None = None
    try:
        for work in ended:
            failure = work.failure or failure
            (_tell_program if json else _tell_people)(work)
    except KeyboardInterrupt:
        say(_interrupted(works))
        raise
    if failure:
        raise typer.Exit(failure.status)


def _interrupted(works: Sequence[Work]) -> str:
    """Say what goes on, what does not, and how to take both up again."""
    going_on = [work.job.id for work in works if work.job and not work.job.has_ended]
    waiting = [work.name for work in works if work.job is None and work.error is None]
    sentences = ["Interrupted. Jobs that have started go on; atelier cancel ID ends them."]
    if going_on:
        sentences.append(f"These do: {' '.join(going_on)}.")
    if waiting:
        sentences.append(f"Not uploaded: {', '.join(waiting)}; the same command goes on with them.")
    return " ".join(sentences)


def _tell_program(work: Work) -> None:
    tell(work.to_dict())


def _tell_people(work: Work) -> None:
    for note in work.job.notes if work.job else ():
        say(f"{work.name}: {note}")
    if work.failure:
        sentence = work.failure.sentence
        say(sentence if work.name in sentence else f"{work.name}: {sentence}")
    if work.is_well and work.out:
        if work.file and work.goes_by_another_name:
            say(f"{names.printable(work.file)} is painted as {names.shown(work.out)}")
        print(names.printable(work.out), flush=True)
    elif work.job and (not work.job.has_ended or (work.file and not work.out)):
        print(work.job.id, flush=True)
