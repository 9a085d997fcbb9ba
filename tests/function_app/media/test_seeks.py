"""Every shard holds what decoding the upload from its start holds, pixel for pixel."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from function_app.stages.preprocess import preprocess
from function_app.store import paths, storage
from function_app.store.jobs import Job
from fuzz.seeks import difference
from gpu_worker.plan import Plan
from tests.function_app.media import seekable

type Upload = Callable[..., Job]

ENTERED = {
    "closed.mp4", "open_gop.mkv", "closed_444.mp4", "open_gop.ts", "alternate_references.webm",
    "golden.webm", "av1.mp4", "open_gop.mpg", "packed.avi", "b_frames.avi", "b_frames.h264",
    "theora.ogg",
}  # fmt: skip
"""Clips whose shards are not all decoded from the start."""


def planned(upload: Upload, content: bytes, folder: Path, name: str) -> tuple[Plan, Path, Path]:
    """Preprocess a clip; return its plan, what the worker reads, and the upload itself."""
    job = upload(content, name)
    work = preprocess(job)
    (source := folder / "source").write_bytes(storage.read(work.source_container, work.source_blob))
    (itself := folder / "itself").write_bytes(content)
    return Plan.from_json(storage.read(paths.JOBS, job.folder.plan)), source, itself


@pytest.mark.parametrize("name", seekable.RECIPES)
def test_every_shard_holds_what_decoding_from_the_start_holds(
    upload: Upload, configure: Callable[..., None], tmp_path: Path, name: str
) -> None:
    configure(AML_PROCESSES_PER_NODE="1")
    content = seekable.make(tmp_path, name)
    plan, source, itself = planned(upload, content, tmp_path, name)
    assert plan.frame_count == seekable.FRAMES
    assert difference(plan, source, itself) == ""
    assert any(shard.entry for shard in plan.shards) == (name in ENTERED)


def test_a_decoder_is_told_which_x264_encoded_what_it_enters(
    upload: Upload, configure: Callable[..., None], tmp_path: Path
) -> None:
    """By that FFmpeg knows of the old ones' faults in 4:4:4; the first frame alone says it."""
    configure(AML_PROCESSES_PER_NODE="1")
    content = seekable.make(tmp_path, "closed_444.mp4")
    plan, source, itself = planned(upload, content, tmp_path, "closed_444.mp4")
    assert difference(plan, source, itself) == ""
    # Told wrong, it decodes with errors: the worker goes back to the start, which says it right.
    assert difference(replace(plan, x264_build=142), source, itself) == ""
    assert plan.x264_build > 142
    old, _, _ = planned(upload, seekable.as_of_old(content), tmp_path, "old_444.mp4")
    assert old.x264_build == 142
