"""What a smoke job is asked and what each of its ranks reports."""

import dataclasses
from dataclasses import dataclass
from typing import Self, override

from gpu_worker.plan.reading import Report

SMOKE_PREFIX = "smoke-"


@dataclass(frozen=True, slots=True)
class Smoke(Report):
    """What one rank of a smoke job found of its node, of its mounts, and of the other ranks.

    It is written before the others are asked, for that may never end, and again after.

    Attributes:
        rank: of the writer in its MPI world.
        ranks: of that world.
        node: name of the machine.
        gpus: that PyTorch sees.
        gpu: name of the first; empty for none.
        no_gpu: why it cannot be computed on, a sentence; empty if it can.
        driver: of the GPU, and for which CUDA PyTorch was built, for people.
        encoders: FFmpeg's names of those that encoded a clip.
        digest: SHA-256 of what the rank left on its output mount, in hex; empty where it could not.
        unwritten: why it could not, or what it read back; empty if all was well.
        far_seconds: until one block near the end of the input was there, read before all others.
        seek_rate: MB/s of blocks that lie apart.
        whole_rate: MB/s of the input from its start to its end.
        draws: a second, of a counter in rank 0's memory; None before the others were asked.
    """

    rank: int
    ranks: int
    node: str
    gpus: int
    gpu: str
    no_gpu: str
    driver: str
    encoders: tuple[str, ...]
    digest: str
    unwritten: str
    far_seconds: float
    seek_rate: float
    whole_rate: float
    draws: float | None = None

    @property
    def name(self) -> str:
        """File name of the writer's report."""
        return f"{SMOKE_PREFIX}{self.rank:03d}.json"

    @property
    def left(self) -> str:
        """File name of what the writer left to be read back."""
        return f"{SMOKE_PREFIX}{self.rank:03d}.bin"

    @override
    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        # A class with slots is another than the one that a bare super() knows.
        smoke = super(Smoke, cls).from_json(text)
        return dataclasses.replace(smoke, encoders=tuple(smoke.encoders))
