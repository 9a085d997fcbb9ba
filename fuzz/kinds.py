"""What becomes of each kind of file: the table of docs/files.md, made from the seeds."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from pathlib import Path

import av

from emulator.config import PROJECT_ROOT
from function_app.errors import InputError
from function_app.media.extras import KEPT
from function_app.media.tracks import codec_name
from function_app.media.webp import is_animated_webp
from function_app.stages.preprocess import preprocess
from function_app.store.jobs import Job

PAGE = PROJECT_ROOT / "docs" / "files.md"
BEGIN, END = "<!-- python -m fuzz --table -->", "<!-- end -->"
KEPT_AS_IT_IS = "kept"
HEAD = "| File | Picture | Beside it | In MP4 | In Matroska |\n|---|---|---|---|---|"


def outcome(job: Job) -> str:
    """Preprocess a file; return what is noted of it, or why it is refused."""
    try:
        return "; ".join(preprocess(job).notes) or KEPT_AS_IT_IS
    except InputError as error:
        return f"**refused**: {error}"


def rows(files: dict[str, bytes], mp4: Iterable[str], mkv: Iterable[str]) -> Iterator[str]:
    """Yield a row of the table for each file, of its outcomes in either container."""
    for (name, content), of_mp4, of_mkv in zip(files.items(), mp4, mkv, strict=True):
        cells = (f"`{name}`", *_tracks(content), of_mp4, "the same" if of_mkv == of_mp4 else of_mkv)
        yield f"| {' | '.join(cells)} |"


def put_into_page(table: str) -> None:
    """Write the table between its marks."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}")


def table_of_page(page: Path = PAGE) -> str:
    """Return the table that the page has."""
    return page.read_text().partition(f"{BEGIN}\n")[2].partition(f"\n{END}")[0]


def _tracks(content: bytes) -> tuple[str, str]:
    """Name the codecs of a file's pictures, and of its other tracks."""
    if is_animated_webp(content):
        return "webp", ""
    with av.open(io.BytesIO(content), "r") as container:
        pictures = [codec_name(stream) for stream in container.streams.video]
        others = [codec_name(each) for each in container.streams if each.type in KEPT]
    return ", ".join(pictures), ", ".join(others)
