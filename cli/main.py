"""The commands, their options, and what the shell is told.

Exit status: 0 done, 1 a job failed or was cancelled, 2 the command line is wrong, 3 the API
refuses, 4 the deployment does not answer or lets nobody in, 130 interrupted.
"""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from functools import partial
from importlib import metadata
from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from cli import learning, names
from cli.board import Board
from cli.client import LOCAL, Client, Fields, Listing
from cli.deployment import Deployment
from cli.display import say, show_jobs, show_styles, tell
from cli.errors import CommandError, RefusedError
from cli.grammar import Anywhere, Command, a_key, a_url, examples
from cli.network import spare_loopback
from cli.options import (
    LATEST,
    OUT,
    Container,
    Files,
    Ids,
    Json,
    MaybeIds,
    Out,
    Overwrite,
    style_names,
)
from cli.reports import asked, for_each, report
from cli.studio import GOING_ON, Studio, Work

EXAMPLES = examples(
    "atelier restyle holiday.mp4 beach.mov --style great_wave",
    'atelier learn "Starry Night.jpg" --name starry',
    "atelier status --failed",
)

app = typer.Typer(
    name="atelier",
    cls=Anywhere,
    epilog=f"{EXAMPLES}\n\n{(__doc__ or '').partition(chr(10) * 2)[2]}",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

command = partial(app.command, cls=Command)


def _say_version(wanted: bool) -> None:
    if wanted:
        print(f"atelier {metadata.version('atelier')}")
        raise typer.Exit


@app.callback()
def choose_deployment(
    context: typer.Context,
    url: Annotated[
        str,
        typer.Option(metavar="URL", envvar="ATELIER_URL", help="The deployment.", callback=a_url),
    ] = LOCAL,
    key: Annotated[
        str,
        typer.Option(metavar="KEY", envvar="ATELIER_KEY", help="One of its keys.", callback=a_key),
    ] = "",
    audience: Annotated[
        str,
        typer.Option(
            metavar="ID",
            envvar="ATELIER_AUDIENCE",
            help="Its application id, to sign in with Entra.",
        ),
    ] = "",
    version: Annotated[
        bool,
        typer.Option("--version", help="Say which version.", callback=_say_version, is_eager=True),
    ] = False,
) -> None:
    """Give it a video and a painting; it gives the video back, painted."""
    del version
    context.obj = Deployment(url, key, audience)


@command(
    epilog=examples(
        "atelier restyle holiday.mp4 --style scream",
        "atelier restyle *.mov --style great_wave --strength 0.6 --out painted",
        "atelier restyle film.mkv --style starry_night --container mkv --detach",
    )
)
def restyle(
    context: typer.Context,
    files: Files,
    style: Annotated[
        str,
        typer.Option(
            metavar="STYLE",
            help="To paint in; atelier styles lists them.",
            autocompletion=style_names,
        ),
    ],
    out: Out = OUT,
    strength: Annotated[
        float | None,
        typer.Option(
            metavar="0..1", min=0, max=1, help="Of the style; 0 leaves the video as it is."
        ),
    ] = None,
    preserve_colour: Annotated[
        bool, typer.Option("--preserve-colour", help="Keep the video's own colours.")
    ] = False,
    container: Annotated[
        Container, typer.Option(help="Of the results; mkv keeps every track as it is.")
    ] = Container.MP4,
    detach: Annotated[
        bool,
        typer.Option("--detach", help="Print the jobs' ids when they have started, and return."),
    ] = False,
    overwrite: Overwrite = False,
    replace: Annotated[
        bool,
        typer.Option(
            "--replace", help="Replace videos of that name; else both stay, told apart by a number."
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Paint videos in a style.

    They are uploaded, their jobs followed, and the results saved as OUT/NAME.STYLE.mp4.
    """
    order: Fields = {"style": style}
    order |= {} if strength is None else {"strength": strength}
    order |= {"preserve_colour": True} if preserve_colour else {}
    order |= {} if container is Container.MP4 else {"container": str(container)}
    order |= {"replace": True} if replace else {}
    videos = names.each_once(files)
    works = [
        Work(None if detach else out / name, file)
        for file, name in zip(videos, names.all_painted(videos, style), strict=True)
    ]
    with _client(context) as client, Board() as board:
        studio = Studio(client, board, overwrite=overwrite)
        report(works, (studio.upload if detach else studio.restyle)(works, order), json)
    if detach:
        say(
            "They are painted without this command: atelier watch follows them, atelier download "
            "ID saves what they made."
        )


@command(
    epilog=examples(
        "atelier status",
        "atelier status --failed --top 100",
        "atelier status --running --json",
    )
)
def status(
    context: typer.Context,
    ids: MaybeIds = None,
    top: Annotated[int, typer.Option(metavar="NUMBER", min=1, help="Most jobs to list.")] = LATEST,
    failed: Annotated[bool, typer.Option("--failed", help="Only those that failed.")] = False,
    running: Annotated[bool, typer.Option("--running", help="Only those that go on.")] = False,
    json: Json = False,
) -> None:
    """Show how jobs stand; without ID, the latest."""
    wanted = ",".join(["Failed"] * failed + [GOING_ON] * running)
    with _client(context) as client:
        works = asked(client, ids or [])
        if ids:
            found = Listing([work.job for work in works if work.job], [])
        else:
            found = client.listing(top, **({"status": wanted} if wanted else {}))
    jobs = found.jobs
    for each in found.missed:
        say(f"{each['upload']} has no job yet: {each['message']}")
    if not json and jobs:
        show_jobs(jobs)
        if found.has_more:
            say(f"These are the latest {len(jobs)}; --top {10 * top} lists more.")
    elif not json and not ids:
        say("No job is like that." if wanted else "There is no job yet.")
    for job in jobs if json else ():
        tell(job.fields)
    report(works, (work for work in works if work.error), json)


@command(
    epilog=examples(
        "atelier watch",
        "atelier watch holiday-0123456789ab",
    )
)
def watch(context: typer.Context, ids: MaybeIds = None, json: Json = False) -> None:
    """Follow jobs until they end; without ID, all that go on."""
    with _client(context) as client, Board() as board:
        if ids:
            works = asked(client, ids)
        else:
            going_on = client.jobs(sys.maxsize, status=GOING_ON)
            works = [Work(None, job=job) for job in going_on]
        report(works, Studio(client, board).watch(works), json)
    if not works and not json:
        say("No job goes on.")


@command(
    epilog=examples(
        "atelier cancel holiday-0123456789ab",
        "atelier cancel starry",
    )
)
def cancel(context: typer.Context, ids: Ids, json: Json = False) -> None:
    """End jobs, or the making of styles.

    ID is that of a job, or the name of a style that is being learnt.
    """
    with _client(context) as client:
        for_each(client, ids, _cancel, "ends.", json)


def _cancel(client: Client, job_or_style: str) -> None:
    try:
        client.cancel(job_or_style)
    except RefusedError:
        making = {style["name"]: style["job"] for style in client.styles()}
        if job_or_style not in making:
            raise
        if not (job := making[job_or_style]):
            raise RefusedError(f"the style {job_or_style!r} is not being learnt") from None
        client.cancel(job)


@command(
    "download",
    epilog=examples(
        "atelier download holiday-0123456789ab",
        "atelier download holiday-0123456789ab --out painted --overwrite",
    ),
)
def save(
    context: typer.Context,
    ids: Ids,
    out: Out = OUT,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Save what jobs have painted; wait for those that go on."""
    with _client(context) as client, Board() as board:
        works = asked(client, ids)
        for work in works:
            if work.job:
                work.out = out / names.painted(Path(work.job.name).stem, work.job.style)
        report(works, Studio(client, board, overwrite=overwrite).watch(works), json)


@command(
    epilog=examples(
        "atelier delete holiday-0123456789ab",
        "atelier delete --upload holiday-0123456789ab beach-ba9876543210",
    )
)
def delete(
    context: typer.Context,
    ids: Ids,
    upload: Annotated[
        bool, typer.Option("--upload", help="Delete the uploaded videos, too.")
    ] = False,
    json: Json = False,
) -> None:
    """Forget jobs that have ended, and what they painted."""

    def forget_job(client: Client, job_id: str) -> None:
        client.delete(job_id, upload=upload)

    with _client(context) as client:
        for_each(client, ids, forget_job, "is deleted.", json)


@command()
def styles(context: typer.Context, json: Json = False) -> None:
    """List the styles."""
    with _client(context) as client:
        found = client.styles()
        if not json:
            makings = {
                each["name"]: learning.known(client, each["job"]) for each in found if each["job"]
            }
            show_styles(found, {name: job for name, job in makings.items() if job})
    for style in found if json else ():
        tell(style)


@command(epilog=examples("atelier forget starry"))
def forget(
    context: typer.Context,
    styles: Annotated[
        list[str], typer.Argument(metavar="STYLE", hidden=True, autocompletion=style_names)
    ],
    json: Json = False,
) -> None:
    """Delete styles, or end their making.

    Videos that are painted in them stay.
    """
    with _client(context) as client:
        for_each(client, styles, Client.forget, "is forgotten.", json)


@command(
    epilog=examples(
        'atelier learn "Starry Night.jpg" --name starry',
        "atelier learn mine.png --replace --preview mine-so-far.jpg",
        "atelier learn candy.pth",
    )
)
def learn(
    context: typer.Context,
    painting: Annotated[
        Path,
        typer.Argument(metavar="PAINTING", hidden=True, exists=True, dir_okay=False, readable=True),
    ],
    name: Annotated[
        str, typer.Option(metavar="STYLE", help="Of the style; by default the file's.")
    ] = "",
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace the style that has the name already.")
    ] = False,
    preview: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.jpg", help="Keep here what it looks like so far.", dir_okay=False
        ),
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Return when it is uploaded.")] = False,
    json: Json = False,
) -> None:
    """Learn a style from a painting.

    PAINTING is a JPEG or PNG, or a checkpoint of pytorch/examples, which is taken over.
    """
    names.check(painting)
    name = name or names.of_style(painting)
    if not name:
        message = f"{names.shown(painting)} names no style: give it a name with --name"
        raise RefusedError(message, "bad-name")
    order: Fields = {"name": name} | ({"replace": True} if replace else {})
    with _client(context) as client:
        style = learning.learn(client, painting, order, preview=preview, detach=detach)
    if json:
        tell(style)
    elif detach:
        print(style.get("job") or name, flush=True)
        say(f"{name} is learnt without this command: atelier styles shows how it stands.")
    else:
        say(f"atelier restyle FILE --style {quote(name)} paints in it.")


def main() -> None:
    """Run the command; end with its exit status."""
    spare_loopback()
    try:
        app()
    except CommandError as error:
        say(error.sentence)
        sys.exit(error.status)
    except OSError as error:
        say(names.refused(error))
        sys.exit(CommandError.status)


def _client(context: typer.Context) -> AbstractContextManager[Client]:
    """Give a client of the deployment that the command line names."""
    chosen: Deployment = context.obj
    return chosen.client()
