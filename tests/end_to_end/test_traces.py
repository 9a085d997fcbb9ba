"""One trace for one upload, from the trigger to the end, on the emulator."""

import json
from collections import defaultdict
from typing import Any

from tests.end_to_end.conftest import Atelier
from tests.end_to_end.media import Media

STEPS = {"upload", "preprocess", "submit", "poll", "stitch", "clean_up"}


def spans(atelier: Atelier, job_id: str) -> list[dict[str, Any]]:
    """The spans that carry a job's id, as they were written."""
    lines = (atelier.config.state / "logs" / "traces.jsonl").read_text().splitlines()
    every = [json.loads(line) for line in lines]
    return [span for span in every if span["attributes"].get("atelier.job_id") == job_id]


def test_one_trace_leads_from_an_upload_to_its_result(atelier: Atelier, media: Media) -> None:
    job_ids = [atelier.upload(media.moving(1), f"trace {number}.mp4") for number in range(2)]
    traces = [trace_of(atelier, job_id) for job_id in job_ids]
    assert traces[0] != traces[1]


def trace_of(atelier: Atelier, job_id: str) -> str:
    """Wait for a job's result; return the one trace that all its steps belong to."""
    assert atelier.wait(job_id)["status"] == "Completed"
    steps = defaultdict(set)
    for span in spans(atelier, job_id):
        steps[span["name"]].add(span["context"]["trace_id"])
    assert steps.keys() >= STEPS
    # An event may come twice, and a timer looks for what events did not start.
    (trace,) = set.union(*(steps[name] for name in STEPS - {"upload"}))
    assert trace in steps["upload"]
    record = atelier.config.state / "jobs" / f"{job_id}-a1" / "job.json"
    tags = json.loads(record.read_text())["body"]["properties"]["tags"]
    assert f"0x{tags['trace_id']}" == trace
    return trace


def test_a_trace_names_the_step_that_refused(atelier: Atelier) -> None:
    job_id = atelier.upload(b"Dear diary,", "trace.mp4")
    assert atelier.wait(job_id)["status"] == "Failed"
    names = {span["name"] for span in spans(atelier, job_id)}
    assert names >= {"upload", "preprocess", "report_failure", "clean_up"}
