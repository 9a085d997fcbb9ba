"""The commands, their options, and what the shell is told.

Exit status: 0 done, 1 a job failed or was cancelled, 2 the command line is wrong, 3 the API
refuses, 4 the deployment does not answer or lets nobody in, 130 interrupted.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated

import typer

from cli.client import Client, Fields
from cli.deployment import LOCAL, Deployment
from cli.display import Board, jobs_table, say, show, styles_table, tell
from cli.errors import CommandError, NotPaintedError
from cli.studio import POLL_S, Studio, Work
from cli.transfer import upload

OUT = Path("out")
LATEST = 20

app = typer.Typer(
    name="atelier",
    epilog=(__doc__ or "").partition("\n\n")[2],
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _style_names(context: typer.Context) -> list[str]:
    """Complete the name of a style on the command line."""
    return _completions(context, lambda client: [style["name"] for style in client.styles()])


def _job_ids(context: typer.Context) -> list[str]:
    """Complete the id of a job on the command line."""
    return _completions(context, lambda client: [job.id for job in client.jobs(top=LATEST)])


def _completions(context: typer.Context, ask: Callable[[Client], list[str]]) -> list[str]:
    """Ask the deployment that the command line names; none where it does not answer."""
    named = context.find_root().params
    try:
        with Deployment(**named).client() as client:
            return ask(client)
    except CommandError:
        return []


Json = Annotated[bool, typer.Option("--json", help="Print JSON, one document a line.")]
Out = Annotated[Path, typer.Option(help="Folder for the painted videos.", file_okay=False)]
Ids = Annotated[list[str], typer.Argument(metavar="ID", autocompletion=_job_ids)]
MaybeIds = Annotated[list[str] | None, typer.Argument(metavar="ID", autocompletion=_job_ids)]
Files = Annotated[
    list[Path], typer.Argument(metavar="FILE", exists=True, dir_okay=False, readable=True)
]


@app.callback()
def choose_deployment(
    context: typer.Context,
    url: Annotated[str, typer.Option(envvar="ATELIER_URL", help="The deployment.")] = LOCAL,
    key: Annotated[str, typer.Option(envvar="ATELIER_KEY", help="One of its keys.")] = "",
    audience: Annotated[
        str,
        typer.Option(envvar="ATELIER_AUDIENCE", help="Its application id, to sign in with Entra."),
    ] = "",
) -> None:
    """Give it a video and a painting; it gives the video back, painted."""
    context.obj = Deployment(url, key, audience)


@app.command()
def restyle(
    context: typer.Context,
    files: Files,
    style: Annotated[str, typer.Option(help="To paint in.", autocompletion=_style_names)],
    out: Out = OUT,
    strength: Annotated[
        float | None, typer.Option(min=0, max=1, help="Of the style; 0 leaves the video as it is.")
    ] = None,
    preserve_colour: Annotated[
        bool, typer.Option("--preserve-colour", help="Keep the video's own colours.")
    ] = False,
    detach: Annotated[
        bool,
        typer.Option("--detach", help="Print the jobs' ids when they have started, and return."),
    ] = False,
    json: Json = False,
) -> None:
    """Paint videos: upload them, follow their jobs, save the results as OUT/NAME.STYLE.mp4."""
    order: Fields = {"style": style}
    order |= {} if strength is None else {"strength": strength}
    order |= {"preserve_colour": True} if preserve_colour else {}
    works = [Work(out / f"{file.stem}.{style}.mp4", file) for file in files]
    _refuse_twins(files)
    with _client(context) as client, Board() as board:
        studio = Studio(client, board)
        _report((studio.upload if detach else studio.restyle)(works, order), json)


@app.command()
def status(
    context: typer.Context,
    ids: MaybeIds = None,
    top: Annotated[int, typer.Option(min=1, help="Most jobs to list.")] = LATEST,
    json: Json = False,
) -> None:
    """Show how jobs stand; without ID, the latest."""
    with _client(context) as client:
        jobs = [client.job(each) for each in ids] if ids else client.jobs(top)
    if not json:
        show(jobs_table(jobs))
    for job in jobs if json else ():
        tell(job.fields)


@app.command()
def watch(context: typer.Context, ids: MaybeIds = None, json: Json = False) -> None:
    """Follow jobs until they end; without ID, all that go on."""
    with _client(context) as client, Board() as board:
        found = map(client.job, ids) if ids else client.jobs(sys.maxsize, status="Running,Pending")
        works = [Work(None, job=job) for job in found]
        _report(Studio(client, board).watch(works), json)


@app.command()
def cancel(context: typer.Context, ids: Ids) -> None:
    """End jobs and what paints for them."""
    _for_each(context, ids, Client.cancel, "ends.")


@app.command("download")
def save(context: typer.Context, ids: Ids, out: Out = OUT, json: Json = False) -> None:
    """Save what jobs have painted; wait for those that go on."""
    with _client(context) as client, Board() as board:
        jobs = [client.job(each) for each in ids]
        works = [Work(out / f"{Path(job.name).stem}.{job.style}.mp4", job=job) for job in jobs]
        _report(Studio(client, board).watch(works), json)


@app.command()
def delete(context: typer.Context, ids: Ids) -> None:
    """Forget jobs that have ended, and what they painted."""
    _for_each(context, ids, Client.delete, "is deleted.")


@app.command()
def styles(context: typer.Context, json: Json = False) -> None:
    """List the styles."""
    with _client(context) as client:
        found = client.styles()
    if not json:
        show(styles_table(found))
    for style in found if json else ():
        tell(style)


@app.command()
def learn(
    context: typer.Context,
    painting: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)],
    name: Annotated[str, typer.Option(help="Of the style; by default the file's.")] = "",
    detach: Annotated[bool, typer.Option("--detach", help="Return when it is uploaded.")] = False,
) -> None:
    """Learn a style from a painting, or take over a checkpoint of pytorch/examples (.pth)."""
    name = name or painting.stem
    size = painting.stat().st_size
    with _client(context) as client, Board() as board:
        line = board.line(name)
        line.moving("Uploading", size)
        granted = client.learn({"name": name, "filename": painting.name, "bytes": size})
        upload(painting, granted["url"], granted["headers"], line.moved)
        line.moving("Learning", None)
        for style in _until_learnt(client, name) if not detach else ():
            line.moving(style.get("message") or "Learning", None)
        line.ends("Uploaded" if detach else "Ready")


def _refuse_twins(files: list[Path]) -> None:
    """Refuse files whose results would have the same name."""
    twins = [stem for stem, count in Counter(file.stem for file in files).items() if count > 1]
    if twins:
        message = f"several files are called {twins[0]!r}, and so would be their results"
        raise typer.BadParameter(f"{message}: rename one", param_hint="FILE")


def _until_learnt(client: Client, name: str) -> Iterator[Fields]:
    while True:
        style = next((each for each in client.styles() if each["name"] == name), None)
        if style and style["state"] == "failed":
            raise NotPaintedError(f"{name}: {style['message']}")
        if style and style["state"] == "ready":
            return
        yield style or {}
        time.sleep(POLL_S)


def main() -> None:
    """Run the command; end with its exit status."""
    try:
        app()
    except CommandError as error:
        say(_sentence(error))
        sys.exit(error.status)


def _client(context: typer.Context) -> AbstractContextManager[Client]:
    """Give a client of the deployment that the command line names."""
    chosen: Deployment = context.obj
    return chosen.client()


def _for_each(
    context: typer.Context, ids: list[str], ask: Callable[[Client, str], object], done: str
) -> None:
    """Ask something for each of some jobs; say of each when it is done."""
    with _client(context) as client:
        for each in ids:
            ask(client, each)
            say(f"{each} {done}")


def _report(ended: Iterator[Work], json: bool) -> None:
    """Tell of each work as it ends; end the command by the last that did not end well."""
    failure: CommandError | None = None
    try:
        for work in ended:
            failure = work.failure or failure
            (_tell_program if json else _tell_people)(work)
    except KeyboardInterrupt:
        say("Interrupted. Jobs that have started go on; atelier cancel ID ends them.")
        raise
    if failure:
        raise typer.Exit(failure.status)


def _tell_program(work: Work) -> None:
    tell(work.to_dict())


def _tell_people(work: Work) -> None:
    for note in work.job.notes if work.job else ():
        say(f"{work.name}: {note}")
    if work.failure:
        sentence = _sentence(work.failure)
        say(sentence if work.name in sentence else f"{work.name}: {sentence}")
    if work.is_well and work.out:
        print(work.out, flush=True)
    elif work.job and not work.job.has_ended:
        print(work.job.id, flush=True)


def _sentence(error: CommandError) -> str:
    return f"{error} ({error.code})" if error.code else str(error)
