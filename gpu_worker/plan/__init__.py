"""The plan of a job: the contract between those who orchestrate and those who paint.

`plan.json` names every frame of the result by its timestamp and every shard by its frame range.
It is written once, before any painting, and each later stage proves its work against it. The
names of the files that a worker leaves in its output folder, and what stands in them, belong to
the same contract and stand here too. Standard library only, so that both sides can import it.
"""

from gpu_worker.plan.document import NEEDS_GPU, REACH, Blend, Encoding, Picture, Plan
from gpu_worker.plan.reading import PlanError
from gpu_worker.plan.reports import (
    BUDGET_PARTS,
    FAILURE_NAME,
    POSTER_NAME,
    PREVIEW_NAME,
    PROGRESS_NAME,
    PROGRESS_PREFIX,
    SHEET_NAME,
    STYLE_NAME,
    SWATCHES_NAME,
    Failure,
    Progress,
)
from gpu_worker.plan.shards import LINES_SUFFIX, MOST_DECODED, Shard, cut_shards
from gpu_worker.plan.smoke import SMOKE_PREFIX, Smoke
from gpu_worker.plan.timeline import Timeline
from gpu_worker.plan.whole import SEAL_BYTES, is_whole_jpeg, may_be_seal, seal

__all__ = [
    "BUDGET_PARTS",
    "FAILURE_NAME",
    "LINES_SUFFIX",
    "MOST_DECODED",
    "NEEDS_GPU",
    "POSTER_NAME",
    "PREVIEW_NAME",
    "PROGRESS_NAME",
    "PROGRESS_PREFIX",
    "REACH",
    "SEAL_BYTES",
    "SHEET_NAME",
    "SMOKE_PREFIX",
    "STYLE_NAME",
    "SWATCHES_NAME",
    "Blend",
    "Encoding",
    "Failure",
    "Picture",
    "Plan",
    "PlanError",
    "Progress",
    "Shard",
    "Smoke",
    "Timeline",
    "cut_shards",
    "is_whole_jpeg",
    "may_be_seal",
    "seal",
]
