"""The running API against its description: whatever is asked, the answer is one that it allows."""

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from function_app.api.openapi import document
from tests.end_to_end.conftest import Atelier
from tests.end_to_end.media import Media

load_all_checks()
CHECKED = CHECKS.get_by_names(
    [
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
        "negative_data_rejection",
    ]
)
DESCRIPTION = schemathesis.openapi.from_dict(document())
OPERATIONS = {found.ok().label: found.ok() for found in DESCRIPTION.get_all_operations()}
# Deleting comes last, so that there is something to ask for before.
RIGHT = [
    pytest.param(label, GenerationMode.POSITIVE, id=label)
    for label in sorted(OPERATIONS, key=lambda label: label.startswith("DELETE"))
]
WRONG = [
    pytest.param(label, GenerationMode.NEGATIVE, id=f"{label}, wrongly")
    for label, operation in OPERATIONS.items()
    if operation.query or operation.body
]
EXAMPLES = 12

# The same requests each time.
examples = settings(
    derandomize=True,
    max_examples=EXAMPLES,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="package")
def jobs(atelier: Atelier, media: Media) -> list[str]:
    """Ids of a job that is done, of one that failed, and of none."""
    done = atelier.upload(media.moving(4), "contract.mp4")
    failed = atelier.upload(b"", "contract failed.mp4")
    for job in (done, failed):
        atelier.wait(job)
    return [done, failed, "none"]


@pytest.mark.parametrize(("label", "mode"), [*WRONG, *RIGHT])
def test_the_api_answers_as_described(
    atelier: Atelier, jobs: list[str], label: str, mode: GenerationMode
) -> None:
    @examples
    @given(case=OPERATIONS[label].as_strategy(mode), job=st.sampled_from(jobs))
    def ask(case: Case, job: str) -> None:
        if "id" in case.path_parameters:
            case.path_parameters["id"] = job
        answer = case.call(base_url=atelier.config.host_url, allow_redirects=False)
        case.validate_response(answer, checks=CHECKED)

    ask()
