"""The commands, their options, and what the shell is told.

Exit status: 0 done, 1 a job failed or was cancelled, 2 the command line is wrong, 3 the API
refuses, 4 the deployment does not answer or lets nobody in, 130 interrupted.
"""

from __future__ import annotations

import re
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from enum import StrEnum
from functools import partial
from importlib import metadata
from itertools import chain, count
from pathlib import Path
from typing import Annotated, Any, override

import httpx
import typer
from typer.core import TyperCommand, TyperGroup

from cli import names
from cli.board import Board, Line
from cli.client import LOCAL, Client, Fields, Job, Listing
from cli.deployment import Deployment
from cli.display import say, show_jobs, show_styles, tell
from cli.errors import CommandError, NotPaintedError, RefusedError
from cli.network import spare_loopback
from cli.studio import GOING_ON, POLL_S, Studio, Work
from cli.transfer import Stamp, md5_of, upload

OUT = Path("out")
LATEST = 20
OF_DEPLOYMENT = {"--url", "--key", "--audience"}
PREVIEW_S = 20.0
"""Seconds between looks at what a style looks like so far, which changes each minute."""
PLAINER = (
    (r"Input should be a valid number\b.*", "it is no number"),
    (r"Input should be a valid integer\b.*", "it is no whole number"),
    (r"Input should be greater than or equal to (\S+)", r"it must be \1 or more"),
    (r"Input should be less than or equal to (\S+)", r"it must be \1 or less"),
    (r"Value error, (.+)\.", r"\1"),
    (r"file (.+) is a directory\.", r"\1 is a folder: name the files in it"),
    (r"dir (.+) is a file\.", r"\1 is a file, not a folder"),
)
"""What the library says of values, as patterns, and what people are told instead."""


def _examples(*lines: str) -> str:
    """Show what might be typed, line for line as it is here."""
    return "\b\n" + "\n".join(["Examples:", *(f"  {line}" for line in lines)])


EXAMPLES = _examples(
    "atelier restyle holiday.mp4 beach.mov --style great_wave",
    'atelier learn "Starry Night.jpg" --name starry',
    "atelier status --failed",
)


class Container(StrEnum):
    """What results may be."""

    MP4 = "mp4"
    MKV = "mkv"


class Anywhere(TyperGroup):
    """Takes the options that name a deployment after the command, too."""

    @override
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the command line, those options first."""
        with _plainly():
            return super().parse_args(ctx, _deployment_first(args))


def _is_file(word: str) -> bool:
    try:
        return Path(word).is_file()
    except OSError:  # it is too long to be one
        return False


@contextmanager
def _plainly() -> Generator[None]:
    """Have what is wrong with a value said as people would."""
    try:
        yield
    except typer.BadParameter as error:
        for pattern, words in PLAINER:
            error.message = re.sub(f"^{pattern}$", words, error.message)
        raise


def _deployment_first(arguments: Sequence[str]) -> list[str]:
    """Put the options that name a deployment, with their values, before the command."""
    first, others, rest = list[str](), list[str](), deque(arguments)
    while rest and rest[0] != "--":
        word = rest.popleft()
        if word.partition("=")[0] not in OF_DEPLOYMENT:
            others.append(word)
        elif "=" in word:
            first.append(word)
        elif rest:
            first += [word, rest.popleft()]
        else:
            return [word]  # which is refused, for it has no value
    return [*first, *others, *rest]


app = typer.Typer(
    name="atelier",
    cls=Anywhere,
    epilog=f"{EXAMPLES}\n\n{(__doc__ or '').partition(chr(10) * 2)[2]}",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Command(TyperCommand):
    """Writes in its usage what is to be typed: `FILE...`; takes files that look like options."""

    @override
    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return the words of the usage, without the library's braces for what is required."""
        pieces = super().collect_usage_pieces(ctx)
        return [re.sub("[{}]", "", piece).replace("]...", "...]") for piece in pieces]

    @override
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the command line; what is no option and is there is a file, dash or not."""
        options = {name for each in self.params for name in each.opts}
        words = [
            f"./{word}" if word.startswith("-") and word not in options and _is_file(word) else word
            for word in args
        ]
        with _plainly():
            return super().parse_args(ctx, words)


command = partial(app.command, cls=Command)


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
Ids = Annotated[list[str], typer.Argument(metavar="ID", hidden=True, autocompletion=_job_ids)]
MaybeIds = Annotated[
    list[str] | None, typer.Argument(metavar="ID", hidden=True, autocompletion=_job_ids)
]
Files = Annotated[
    list[Path],
    typer.Argument(metavar="FILE", hidden=True, exists=True, dir_okay=False, readable=True),
]


def _say_version(wanted: bool) -> None:
    if wanted:
        print(f"atelier {metadata.version('atelier')}")
        raise typer.Exit


def _a_url(url: str) -> str:
    """Refuse what is no URL before it is asked for anything."""
    try:
        known = httpx.URL(url)
    except httpx.InvalidURL:
        known = httpx.URL()
    if known.scheme not in {"http", "https"} or not known.host:
        message = f"{url!r} is no URL: a URL begins with https://, or http:// on this machine"
        raise typer.BadParameter(message)
    return url


def _a_key(key: str) -> str:
    """Refuse what no header can hold; the key is a secret, and not repeated."""
    if not (key.isascii() and key.isprintable()):
        message = "it holds characters that no key has: copy it anew, from its first to its last"
        raise typer.BadParameter(message)
    return key


@app.callback()
def choose_deployment(
    context: typer.Context,
    url: Annotated[
        str,
        typer.Option(metavar="URL", envvar="ATELIER_URL", help="The deployment.", callback=_a_url),
    ] = LOCAL,
    key: Annotated[
        str,
        typer.Option(metavar="KEY", envvar="ATELIER_KEY", help="One of its keys.", callback=_a_key),
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
    epilog=_examples(
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
            autocompletion=_style_names,
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
    works = [
        Work(None if detach else out / name, file)
        for file, name in zip(files, _results(files, style), strict=True)
    ]
    with _client(context) as client, Board() as board:
        studio = Studio(client, board, overwrite=overwrite)
        _report(works, (studio.upload if detach else studio.restyle)(works, order), json)
    if detach:
        say(
            "They are painted without this command: atelier watch follows them, atelier download "
            "ID saves what they made."
        )


@command(
    epilog=_examples(
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
        works = _asked(client, ids or [])
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
    _report(works, (work for work in works if work.error), json)


@command(
    epilog=_examples(
        "atelier watch",
        "atelier watch holiday-0123456789ab",
    )
)
def watch(context: typer.Context, ids: MaybeIds = None, json: Json = False) -> None:
    """Follow jobs until they end; without ID, all that go on."""
    with _client(context) as client, Board() as board:
        if ids:
            works = _asked(client, ids)
        else:
            going_on = client.jobs(sys.maxsize, status=GOING_ON)
            works = [Work(None, job=job) for job in going_on]
        _report(works, Studio(client, board).watch(works), json)
    if not works and not json:
        say("No job goes on.")


@command(
    epilog=_examples(
        "atelier cancel holiday-0123456789ab",
        "atelier cancel starry",
    )
)
def cancel(context: typer.Context, ids: Ids, json: Json = False) -> None:
    """End jobs, or the making of styles.

    ID is that of a job, or the name of a style that is being learnt.
    """
    _for_each(context, ids, _cancel, "ends.", json)


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
    epilog=_examples(
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
        works = _asked(client, ids)
        for work in works:
            if work.job:
                work.out = out / names.painted(Path(work.job.name).stem, work.job.style)
        _report(works, Studio(client, board, overwrite=overwrite).watch(works), json)


@command(
    epilog=_examples(
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

    _for_each(context, ids, forget_job, "is deleted.", json)


@command()
def styles(context: typer.Context, json: Json = False) -> None:
    """List the styles."""
    with _client(context) as client:
        found = client.styles()
        if not json:
            makings = {each["name"]: _known(client, each["job"]) for each in found if each["job"]}
            show_styles(found, {name: job for name, job in makings.items() if job})
    for style in found if json else ():
        tell(style)


@command(epilog=_examples("atelier forget starry"))
def forget(
    context: typer.Context,
    styles: Annotated[
        list[str], typer.Argument(metavar="STYLE", hidden=True, autocompletion=_style_names)
    ],
    json: Json = False,
) -> None:
    """Delete styles, or end their making.

    Videos that are painted in them stay.
    """
    _for_each(context, styles, Client.forget, "is forgotten.", json)


@command(
    epilog=_examples(
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
    stamp = Stamp.of(painting)
    order: Fields = {"name": name, "filename": painting.name, "bytes": stamp.size}
    order |= {"md5": md5_of(painting)} | ({"replace": True} if replace else {})
    with _client(context) as client:
        granted = _leave_to_learn(client, order)
        is_there = "url" not in granted
        style: Fields = {}
        with Board() as board:
            line = board.line(name)
            try:
                if not is_there:
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
    if json:
        tell(style)
    elif detach:
        print(style.get("job") or name, flush=True)
        say(f"{name} is learnt without this command: atelier styles shows how it stands.")
    else:
        say(f"atelier restyle FILE --style {name} paints in it.")


def _leave_to_learn(client: Client, order: Fields) -> Fields:
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


def _results(files: Sequence[Path], style: str) -> list[str]:
    """Name the painted videos, each differently.

    Those that would have one name keep their endings, too; files of one name are numbered.
    """
    stems = Counter(file.stem for file in files)
    results: list[str] = []
    for file in files:
        stem = file.stem if stems[file.stem] == 1 else file.name
        first = Path(names.painted(stem, style))
        numbered = (first.with_stem(f"{first.stem} ({number})").name for number in count(1))
        results.append(next(name for name in chain([first.name], numbered) if name not in results))
    return results


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
        if job and (known := _known(client, job)):
            line.stands(known)
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


def _known(client: Client, job: str) -> Job | None:
    """Return how a job stands; None in the moments before it has started."""
    try:
        return client.job(job)
    except RefusedError:
        return None


def main() -> None:
    """Run the command; end with its exit status."""
    spare_loopback()
    try:
        app()
    except CommandError as error:
        say(_sentence(error))
        sys.exit(error.status)
    except OSError as error:
        say(names.refused(error))
        sys.exit(CommandError.status)


def _client(context: typer.Context) -> AbstractContextManager[Client]:
    """Give a client of the deployment that the command line names."""
    chosen: Deployment = context.obj
    return chosen.client()


def _for_each(
    context: typer.Context,
    things: list[str],
    ask: Callable[[Client, str], object],
    done: str,
    json: bool,
) -> None:
    """Ask something for each of some things; say of each what came of it, and go on."""
    failure: CommandError | None = None
    with _client(context) as client:
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
                say(_sentence(error) if error else f"{each} {done}")
    if failure:
        raise typer.Exit(failure.status)


def _asked(client: Client, ids: Sequence[str]) -> list[Work]:
    """Return the jobs of some ids, each once; of an id that is none, why."""
    works: list[Work] = []
    for each in dict.fromkeys(ids):
        try:
            works.append(Work(None, job=client.job(each), asked=each))
        except RefusedError as error:
            works.append(Work(None, error=error, asked=each))
    return works


def _report(works: Sequence[Work], ended: Iterator[Work], json: bool) -> None:
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
        sentence = _sentence(work.failure)
        say(sentence if work.name in sentence else f"{work.name}: {sentence}")
    if work.is_well and work.out:
        print(names.printable(work.out), flush=True)
    elif work.job and (not work.job.has_ended or (work.file and not work.out)):
        print(work.job.id, flush=True)


def _sentence(error: CommandError) -> str:
    return f"{error} ({error.code})" if error.code else str(error)
