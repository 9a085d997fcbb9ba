"""Options and arguments that several commands take, and what completes them in a shell."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cli.client import Client
from cli.deployment import Deployment
from cli.errors import CommandError

OUT = Path("out")
LATEST = 20


class Container(StrEnum):
    """What results may be."""

    MP4 = "mp4"
    MKV = "mkv"


def style_names(context: typer.Context) -> list[str]:
    """Complete the name of a style on the command line."""
    return _completions(context, lambda client: [style["name"] for style in client.styles()])


def job_ids(context: typer.Context) -> list[str]:
    """Complete the id of a job on the command line."""
    return _completions(context, lambda client: [job.id for job in client.jobs(top=LATEST)])


def _completions(context: typer.Context, ask: Callable[[Client], list[str]]) -> list[str]:
    """Ask the deployment that the command line names; none where it does not answer."""
    named = context.find_root().params
    try:
        deployment = Deployment(named["url"], named["key"], named["audience"])
        with deployment.client() as client:
            return ask(client)
    except CommandError:
        return []


Json = Annotated[bool, typer.Option("--json", help="Print JSON, one document a line.")]
Out = Annotated[
    Path, typer.Option(metavar="FOLDER", help="For the painted videos.", file_okay=False)
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace files of that name; else a number is added.")
]
Ids = Annotated[list[str], typer.Argument(metavar="ID", hidden=True, autocompletion=job_ids)]
MaybeIds = Annotated[
    list[str] | None, typer.Argument(metavar="ID", hidden=True, autocompletion=job_ids)
]
Files = Annotated[
    list[Path],
    typer.Argument(metavar="FILE", hidden=True, exists=True, dir_okay=False, readable=True),
]
