"""What becomes of a good file: its frames, as FFmpeg and its result have them, and its notes."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import imageio_ffmpeg

from function_app.store import paths, results, storage
from function_app.store.jobs import Job
from fuzz.journey import RESULT, STEPS, in_child, plan_of
from fuzz.seeks import difference

NO_COVER = "V:0"
FRAMES = b"frame="
MOST_S = 600.0


@dataclass(frozen=True, slots=True)
class Arrival:
    """How a file came through.

    Attributes:
        by_ffmpeg: frames that FFmpeg decodes of what is painted of it, from its start.
        delivered: frames that FFmpeg decodes of the result; 0 if there is none.
        differs: how what was to be painted differs from FFmpeg's frames; empty if it does not.
        said: the notes, or the sentence that ended the way.
        outcome: as of a journey.
        result: the file, if there is one.
    """

    by_ffmpeg: int
    delivered: int
    differs: str
    said: str
    outcome: str
    result: bytes = b""

    @property
    def is_exact(self) -> bool:
        """Whether each frame came through as it is."""
        return self.outcome == RESULT and not self.differs and self.by_ffmpeg == self.delivered


def arrive(job: Job, content: bytes) -> Arrival:
    """Go the way of an uploaded file, and look at what is there at its end."""
    notes: list[str] = []
    outcome = RESULT
    with TemporaryDirectory() as folder:
        upload, source, result = (Path(folder) / name for name in ("upload", "source", "result"))
        upload.write_bytes(content)
        for step in STEPS:
            outcome, said, _ = in_child(step, job, MOST_S)
            if outcome != RESULT:
                return Arrival(_frames(upload, NO_COVER), 0, "", said, outcome)
            notes.append(said)
        plan = plan_of(job)
        copy = storage.read(paths.JOBS, job.folder.source(".mkv"))
        source.write_bytes(copy or content)
        result.write_bytes(storage.read(paths.RESULTS, results.find(job) or "") or b"")
        picture = str(plan.stream) if copy is None else NO_COVER
        differs = difference(plan, source, upload, picture)
        return Arrival(
            _frames(upload, picture) if differs else plan.frame_count,
            _frames(result, NO_COVER),
            differs,
            "; ".join(filter(None, notes)),
            outcome,
            result.read_bytes(),
        )


def _frames(file: Path, stream: str) -> int:
    """Count the frames that FFmpeg decodes of a stream; 0 if it cannot."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "quiet", "-threads", "1"]
    picture = ["-i", f"file:{file}", "-map", f"0:{stream}", "-fps_mode", "passthrough"]
    ended = subprocess.run(
        [*command, *picture, "-f", "null", "-progress", "pipe:1", "-"], capture_output=True
    )
    counts = [line for line in ended.stdout.splitlines() if line.startswith(FRAMES)]
    return int(counts[-1].removeprefix(FRAMES)) if counts else 0
