"""Metrics of a run: frames a second, and rank 0's GPU memory, told to an MLflow tracking server.

Where the environment names one, as Azure Machine Learning does for every job, they are posted to
it: https://mlflow.org/docs/latest/rest-api.html#log-batch. That is one request of the standard
library; the client packages of MLflow weigh more than a hundred megabytes.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final
from urllib.request import Request, urlopen

import torch

from gpu_worker.plan import Progress

INTERVAL_SECONDS: Final = 10.0
_TIMEOUT_SECONDS: Final = 10.0
_SCHEMES: Final = {"azureml": "https"}
"""Azure Machine Learning's own name for an address that is spoken to by HTTPS."""

log = logging.getLogger(__name__)


class Metrics:
    """Posts progress from a thread of its own, at most every ten seconds: painting never waits.

    A server that does not answer is no fault of the painting: it is logged once, and left alone.
    """

    def __init__(
        self,
        environment: Mapping[str, str] = os.environ,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Find the tracking server.

        Args:
            environment: MLFLOW_TRACKING_URI, MLFLOW_RUN_ID and MLFLOW_TRACKING_TOKEN; without the
                first two nothing is ever posted.
            clock: seconds, rising.
        """
        uri = environment.get("MLFLOW_TRACKING_URI", "")
        scheme, _, rest = uri.partition("://")
        self._url = f"{_SCHEMES.get(scheme, scheme)}://{rest}/api/2.0/mlflow/runs/log-batch"
        self._run = environment.get("MLFLOW_RUN_ID", "")
        self._token = environment.get("MLFLOW_TRACKING_TOKEN", "")
        self._clock = clock
        self._told = -INTERVAL_SECONDS
        self._wanted = bool(uri and self._run)
        self._thread = ThreadPoolExecutor(1, "metrics")
        self._posting: Future[None] | None = None
        self._left: Progress | None = None

    def tell(self, progress: Progress) -> None:
        """Post progress soon, unless some was posted a moment ago."""
        busy = self._posting is not None and not self._posting.done()
        self._left = progress
        if not busy and self._clock() - self._told >= INTERVAL_SECONDS:
            self._post_soon(progress)

    def close(self) -> None:
        """Post what was told last, and wait for it; it ends within seconds, come what may."""
        if self._left is not None:
            self._post_soon(self._left)
        self._thread.shutdown()

    def _post_soon(self, progress: Progress) -> None:
        self._told, self._left = self._clock(), None
        values = _values(progress)
        self._posting = self._thread.submit(self._post, values, progress.frames)

    def _post(self, values: Mapping[str, float], step: int) -> None:
        if not self._wanted:
            return
        now = int(time.time() * 1000)
        metrics = [
            {"key": name, "value": value, "timestamp": now, "step": step}
            for name, value in values.items()
        ]
        request = Request(
            self._url,
            json.dumps({"run_id": self._run, "metrics": metrics}).encode(),
            {"Content-Type": "application/json", "Authorization": f"Bearer {self._token}"},
        )
        try:
            with urlopen(request, timeout=_TIMEOUT_SECONDS):
                pass
        except OSError as error:
            self._wanted = False
            log.warning("the tracking server takes no metrics: %s", error)


def _values(progress: Progress) -> dict[str, float]:
    values = {"frames": progress.frames, "frames_per_second": progress.frames_per_second}
    if torch.cuda.is_initialized():
        values["gpu_memory_mib"] = torch.cuda.max_memory_reserved() / 2**20
    return values
