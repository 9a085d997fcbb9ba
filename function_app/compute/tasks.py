"""Tasks: what the worker is told to run, and the blobs that it is given."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from function_app.settings import settings
from function_app.store import paths, styles
from function_app.store.jobs import Job, Work
from gpu_worker.plan import PREVIEW_NAME, STYLE_NAME

# Quoted, so that the shell on the node sees one word whatever the file is called.
_WORK = "${{outputs.work}}"
_SCORE = (
    "python -m gpu_worker.score"
    ' --plan "${{inputs.plan}}"'
    ' --video "${{inputs.video}}"'
    ' --style "${{inputs.style}}"'
    f' --out "{_WORK}"'
)
_SWATCH = ' --swatch {name} "${{{{inputs.{input}}}}}"'
_LEARN = (
    "python -m gpu_worker.learn"
    ' --painting "${{inputs.source}}"'
    f' --out "{_WORK}/{STYLE_NAME}"'
    f' --preview "{_WORK}/{PREVIEW_NAME}"'
    f' --report "{_WORK}"'
)
_CONTENT = ' --content "${{inputs.content}}"'
_CONVERT = (
    "python -m gpu_worker.convert"
    ' --checkpoint "${{inputs.source}}"'
    f' --out "{_WORK}/{STYLE_NAME}"'
    f' --report "{_WORK}"'
)

_SMOKE = f'python -m gpu_worker.smoke --sample "${{{{inputs.sample}}}}" --out "{_WORK}"'

type Blob = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Task:
    """A command for the nodes of an Azure Machine Learning job.

    Attributes:
        command: with placeholders for inputs, and `${{outputs.work}}` for the job's work folder.
        inputs: for each placeholder the container and name of a blob.
        processes_per_node: as many run side by side on each node.
    """

    command: str
    inputs: Mapping[str, Blob]
    processes_per_node: int = 1


def task_of(job: Job, work: Work) -> Task:
    """Return what the worker is to do for a job."""
    source = (work.source_container, work.source_blob)
    if not job.makes_style:
        return _painting(job, source)
    if job.style_source.is_checkpoint:
        return Task(_CONVERT, {"source": source})
    return _learning(job, source, work.content)


def smoke_task(sample: Blob) -> Task:
    """Return what the worker is to do for a smoke job: try what painting stands on."""
    return Task(_SMOKE, {"sample": sample}, settings().aml_processes_per_node)


def _painting(job: Job, source: Blob) -> Task:
    limits = settings()
    inputs = {
        "plan": (paths.JOBS, job.folder.plan),
        "video": source,
        "style": (paths.STYLES, paths.style(job.style)),
    }
    others = styles.others(job.style)[: limits.swatches] if limits.swatches else []
    named = {f"swatch_{number}": style.name for number, style in enumerate(others)}
    inputs |= {each: (paths.STYLES, paths.style(name)) for each, name in named.items()}
    words = (_SWATCH.format(name=shlex.quote(name), input=each) for each, name in named.items())
    return Task(_SCORE + "".join(words), inputs, limits.aml_processes_per_node)


def _learning(job: Job, source: Blob, content: str) -> Task:
    limits = settings()
    name = f" --painting-name {shlex.quote(job.name)}"
    budget = f" --minutes {limits.learn_minutes:g} {limits.learn_options}".rstrip()
    if not content:
        return Task(_LEARN + name + budget, {"source": source})
    inputs = {"source": source, "content": (paths.VIDEOS, content)}
    return Task(_LEARN + name + _CONTENT + budget, inputs)
