"""What a worker reports is read as it was written, and nothing else is a report."""

import pytest

from gpu_worker.plan import Failure, PlanError, Progress


@pytest.mark.parametrize(
    "report", [Progress(3, 120, 11.5, "a device"), Failure("input", "No."), Failure("world", "Ü")]
)
def test_reports_survive_json(report: Progress | Failure):
    assert type(report).from_json(report.to_json()) == report


@pytest.mark.parametrize("kind", [Progress, Failure])
@pytest.mark.parametrize("text", ["", "[]", "{}", '{"rank": 1}', '{"more": 1}'])
def test_what_is_no_report_is_refused(kind: type[Progress] | type[Failure], text: str):
    with pytest.raises(PlanError):
        kind.from_json(text)
