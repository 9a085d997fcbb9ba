"""What the Functions host answers for the app: as Microsoft's own host does, which was asked once.

The rows were recorded on host 4.1037 with DurableTask 3.19 (docs/architecture.md), but for HEAD,
the root of the site, and what the API has nothing for, which the app answers otherwise since.
"""

from typing import Any

import pytest

from tests.end_to_end.conftest import Atelier
from tests.end_to_end.media import Media

API = "/runtime/webhooks/durabletask"
PROBLEM, JSON, TEXT = "application/problem+json", "application/json", "text/plain; charset=utf-8"
DURABLE = "application/json; charset=utf-8"
METHODS = {"GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH"}
READ = {"GET", "HEAD"}
TAKEN = {
    "/api/jobs": READ,
    "/API/JOBS/": READ,
    "/api/jobs/{job}": READ | {"DELETE"},
    "/api/jobs/nope/": READ | {"DELETE"},
    "/api/jobs/{job}/result": READ,
    "/api/jobs/{job}/cancel": {"POST"},
    "/api/jobs/{job}/thumbnail": set[str](),
    "/api/uploads": {"POST"},
    "/api/styles": READ | {"POST"},
    "/api/openapi.json": READ,
    "/assets/nothing.js": READ,
    "/nothing": set[str](),
}
ANSWERS = [
    # method, path, status, content type (None where there is no content)
    ("GET", "/", 200, "text/html; charset=utf-8"),
    ("POST", "/", 204, None),
    ("GET", "/API/Jobs", 200, JSON),
    ("GET", "/api/jobs/", 200, JSON),
    ("GET", "/api/jobs/{job}/", 200, JSON),
    ("GET", "/api/jobs/nope", 404, PROBLEM),
    ("DELETE", "/api/jobs/nope", 404, PROBLEM),
    ("GET", "/api/jobs/{job}/result", 302, TEXT),
    ("HEAD", "/api/jobs", 200, JSON),
    ("GET", "/assets/nothing.js", 404, TEXT),
    ("GET", "/api/jobs?status=Flying", 400, PROBLEM),
    ("GET", "/api/jobs?style=%00", 200, JSON),
    ("GET", "/api/jobs?video=%FF", 200, JSON),
    ("GET", "/api/jobs/..%2f..%2fetc", 404, PROBLEM),
    ("GET", "/api/jobs/a%2fb", 404, PROBLEM),
    ("GET", "/assets/..%2f..%2fhost.json", 404, TEXT),
    ("GET", "/api/jobs/%00", 400, None),
    ("POST", "/api/uploads", 400, PROBLEM),
    ("POST", "/api/jobs/{job}/cancel", 409, PROBLEM),
    ("GET", f"{API}/instances/{{job}}", 200, DURABLE),
    ("GET", f"{API}/instances/nope", 404, None),
    ("GET", f"{API}/instances?top=1", 200, DURABLE),
    ("GET", f"{API}/instances?runtimeStatus=Flying&createdTimeFrom=then", 200, DURABLE),
    ("POST", f"{API}/instances/{{job}}/terminate?reason=x", 410, None),
    ("POST", f"{API}/orchestrators/nothing", 400, DURABLE),
]
BODIES = [b"", b"{", b"null", b"[]", b'"x"', b"\xff\xfe", b"x" * 200_000]


@pytest.fixture(scope="module")
def job(atelier: Atelier, media: Media) -> str:
    """Return the id of a job that is done."""
    job_id = atelier.upload(media.moving(1), "answers.mp4")
    assert atelier.wait(job_id)["status"] == "Completed"
    return job_id


@pytest.mark.parametrize(("method", "path", "status", "kind"), ANSWERS)
def test_a_request_is_answered(
    atelier: Atelier, job: str, method: str, path: str, status: int, kind: str | None
) -> None:
    answer = atelier.http.request(method, path.format(job=job))
    assert (answer.status_code, answer.headers.get("content-type")) == (status, kind)


@pytest.mark.parametrize("path", TAKEN)
def test_a_method_that_no_function_takes_is_not_found(
    atelier: Atelier, job: str, path: str
) -> None:
    for method in METHODS - TAKEN[path]:
        answer = atelier.http.request(method, path.format(job=job))
        seen: tuple[Any, ...] = (answer.status_code, answer.headers.get("content-type"))
        if not path.lower().startswith("/api/"):
            assert (*seen, answer.content) == (404, None, b""), method
            continue
        assert seen == (404, PROBLEM), method
        assert method == "HEAD" or answer.json()["code"] == "no-route"


@pytest.mark.parametrize("query", ["", "?top=3"])
def test_what_the_api_has_nothing_for_is_answered_in_a_sentence(
    atelier: Atelier, query: str
) -> None:
    answer = atelier.http.request("PUT", f"/api/videos/a%20b{query}")
    assert answer.json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "code": "no-route",
        "detail": "there is no PUT /api/videos/a b",
        "action": "Ask for one of those that /api/openapi.json lists.",
        "job": None,
    }


@pytest.mark.parametrize("body", BODIES, ids=lambda body: str(body[:8]))
def test_a_body_reaches_its_function_whatever_its_type(atelier: Atelier, body: bytes) -> None:
    for headers in ({}, {"content-type": "application/json"}):
        answer = atelier.http.post("/api/uploads", content=body, headers=headers)
        assert (answer.status_code, answer.headers["content-type"]) == (400, PROBLEM)


def test_an_orchestration_that_is_started_by_hand_breaks_no_list(atelier: Atelier) -> None:
    answer = atelier.http.post(f"{API}/orchestrators/restyle", json={})
    assert (answer.status_code, answer.headers["content-type"]) == (202, DURABLE)
    assert answer.headers["location"].endswith(answer.json()["id"])
    assert atelier.http.get("/api/jobs").status_code == 200
