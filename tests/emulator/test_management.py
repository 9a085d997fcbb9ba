"""The durable extension's HTTP API, for instances of the sample app."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

API = "/runtime/webhooks/durabletask"
INSTANCES, ORCHESTRATORS = f"{API}/instances", f"{API}/orchestrators"

type WaitUntil = Callable[[Callable[[], object]], None]


@pytest.fixture
def name() -> str:
    return uuid.uuid4().hex


@pytest.fixture
def start(host: httpx.Client, name: str, wait_until: WaitUntil) -> Callable[..., str]:
    """Return a function that starts an orchestration, waits, and returns its URL's path."""

    def start_it(orchestrator: str, value: Any = None, *, until: str = "Running") -> str:
        url = f"{INSTANCES}/{name}"
        host.post(f"/api/orchestrations/{orchestrator}/{name}", json=value).raise_for_status()
        wait_until(lambda: host.get(url).json()["runtimeStatus"] == until)
        return url

    return start_it


def test_a_running_instance_answers_202_with_where_to_look_again(
    host: httpx.Client, start: Callable[..., str]
):
    answer = host.get(start("wait_for_go", {"a": 1}))
    assert answer.status_code == 202
    assert int(answer.headers["Retry-After"]) > 0
    assert host.get(answer.headers["Location"]).status_code == 202
    assert answer.json()["input"] == {"a": 1}


def test_an_instance_that_ended_answers_200_with_all_of_it(
    host: httpx.Client, name: str, start: Callable[..., str]
):
    answer = host.get(start("stages", 0, until="Completed"))
    assert answer.status_code == 200
    state = answer.json()
    created, updated = (
        datetime.strptime(state.pop(key), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        for key in ("createdTime", "lastUpdatedTime")
    )
    assert created <= updated
    assert state == {
        "name": "stages",
        "instanceId": name,
        "runtimeStatus": "Completed",
        "input": 0,
        "customStatus": "second",
        "output": ["first", "second"],
    }


def test_input_can_be_left_out_and_history_asked_for(host: httpx.Client, start: Callable[..., str]):
    url = start("stages", 0, until="Completed")
    parameters = {"showInput": "false", "showHistory": "true", "showHistoryOutput": "true"}
    state = host.get(url, params=parameters).json()
    assert state["input"] is None
    events = [event["EventType"] for event in state["historyEvents"]]
    assert events.count("TaskCompleted") == 2
    assert "historyEvents" not in host.get(url).json()


def test_a_failed_instance_tells_its_error(host: httpx.Client, start: Callable[..., str]):
    url = start("fail", "what is wrong", until="Failed")
    assert host.get(url).status_code == 200
    assert "what is wrong" in host.get(url).json()["output"]
    as_error = host.get(url, params={"returnInternalServerErrorOnFailure": "true"})
    assert as_error.status_code == 500


def test_an_event_reaches_its_instance(
    host: httpx.Client, start: Callable[..., str], wait_until: WaitUntil
):
    url = start("wait_for_go")
    assert host.post(f"{url}/raiseEvent/go", json={"why": "ready"}).status_code == 202
    wait_until(lambda: host.get(url).status_code == 200)
    assert host.get(url).json()["output"] == {"why": "ready"}


@pytest.mark.parametrize(
    ("kind", "complaint"),
    [("text/plain", "Only application/json"), ("application/json", "Invalid JSON")],
)
def test_an_event_that_is_not_json_is_refused(
    host: httpx.Client, start: Callable[..., str], kind: str, complaint: str
):
    url = f"{start('wait_for_go')}/raiseEvent/go"
    answer = host.post(url, content=b"{", headers={"content-type": kind})
    assert answer.status_code == 400
    assert complaint in answer.json()["Message"]


def test_terminating_leaves_children_alone(
    host: httpx.Client, name: str, start: Callable[..., str], wait_until: WaitUntil
):
    child = f"{INSTANCES}/{name}-child"
    url = start("parent", f"{name}-child")
    wait_until(lambda: host.get(child).status_code == 202)
    answer = host.post(f"{url}/terminate", params={"reason": "enough"})
    assert answer.status_code == 202
    wait_until(lambda: host.get(url).json()["runtimeStatus"] == "Terminated")
    assert host.get(url).json()["output"] == "enough"
    assert host.get(child).json()["runtimeStatus"] == "Running"
    host.post(f"{child}/raiseEvent/go", json="alone").raise_for_status()
    wait_until(lambda: host.get(child).json()["output"] == "alone")


def test_an_instance_is_started_by_the_name_of_its_orchestrator(
    host: httpx.Client, name: str, wait_until: WaitUntil
):
    answer = host.post(f"{ORCHESTRATORS}/stages/{name}", json=0)
    assert answer.status_code == 202
    assert answer.json()["id"] == name
    wait_until(lambda: host.get(answer.headers["Location"]).json()["output"] == ["first", "second"])
    without_id = host.post(f"{ORCHESTRATORS}/wait_for_go").json()
    assert host.get(without_id["statusQueryGetUri"]).status_code == 202
    assert host.post(f"{ORCHESTRATORS}/wait_for_go/{without_id['id']}").status_code == 409


@pytest.mark.parametrize(("name", "body"), [("absent", b"{}"), ("slow", b"{}"), ("stages", b"{")])
def test_what_cannot_be_started_is_refused(host: httpx.Client, name: str, body: bytes):
    assert host.post(f"{ORCHESTRATORS}/{name}", content=body).status_code == 400


def test_a_suspended_instance_takes_events_when_it_is_resumed(
    host: httpx.Client, start: Callable[..., str], wait_until: WaitUntil
):
    url = start("wait_for_go")
    assert host.post(f"{url}/suspend").status_code == 202
    wait_until(lambda: host.get(url).json()["runtimeStatus"] == "Suspended")
    assert host.get(url).status_code == 202
    assert host.post(f"{url}/raiseEvent/go", json=1).status_code == 202
    assert host.post(f"{url}/resume").status_code == 202
    wait_until(lambda: host.get(url).json()["runtimeStatus"] == "Completed")


@pytest.mark.parametrize("action", ["raiseEvent/go", "terminate", "suspend", "resume"])
def test_an_instance_that_ended_is_gone(host: httpx.Client, start: Callable[..., str], action: str):
    url = start("stages", 0, until="Completed")
    assert host.post(f"{url}/{action}", json=1).status_code == 410


@pytest.mark.parametrize("action", ["raiseEvent/go", "terminate", "suspend", "resume"])
def test_an_unknown_instance_is_not_found(host: httpx.Client, action: str):
    assert host.get(f"{INSTANCES}/absent").status_code == 404
    assert host.post(f"{INSTANCES}/absent/{action}", json=1).status_code == 404
    assert host.delete(f"{INSTANCES}/absent").status_code == 404


def test_purging_forgets_an_instance(host: httpx.Client, start: Callable[..., str]):
    url = start("stages", 0, until="Completed")
    answer = host.delete(url)
    assert (answer.status_code, answer.json()) == (200, {"instancesDeleted": 1})
    assert host.get(url).status_code == 404


def test_instances_are_queried_a_page_at_a_time(
    host: httpx.Client, name: str, wait_until: WaitUntil
):
    for number in range(3):
        host.post(f"/api/orchestrations/stages/{name}-{number}", json=0).raise_for_status()
    host.post(f"/api/orchestrations/wait_for_go/{name}-wait", json=None).raise_for_status()
    wanted = {"instanceIdPrefix": name, "runtimeStatus": "Completed,Failed"}
    wait_until(lambda: len(host.get(INSTANCES, params=wanted).json()) == 3)

    first = host.get(INSTANCES, params={**wanted, "top": 2})
    token = {"x-ms-continuation-token": first.headers["x-ms-continuation-token"]}
    rest = host.get(INSTANCES, params={**wanted, "top": 2}, headers=token)
    found = [state["instanceId"] for state in first.json() + rest.json()]
    assert sorted(found) == [f"{name}-{number}" for number in range(3)]
    assert "x-ms-continuation-token" not in rest.headers

    future = {"instanceIdPrefix": name, "createdTimeFrom": "2100-01-01T00:00:00Z"}
    assert host.get(INSTANCES, params=future).json() == []


@pytest.mark.parametrize(
    "query", [{"runtimeStatus": "Flying"}, {"createdTimeFrom": "then"}, {"top": "many"}]
)
def test_what_of_a_query_cannot_be_read_is_ignored(
    host: httpx.Client, start: Callable[..., str], name: str, query: dict[str, str]
):
    start("stages", 0, until="Completed")
    answer = host.get(INSTANCES, params={"instanceIdPrefix": name, **query})
    assert [state["instanceId"] for state in answer.json()] == [name]


def test_answers_say_how_their_text_is_encoded(host: httpx.Client, start: Callable[..., str]):
    kinds = {host.get(url).headers["content-type"] for url in (INSTANCES, start("wait_for_go"))}
    assert kinds == {"application/json; charset=utf-8"}


def test_other_methods_are_not_found(host: httpx.Client):
    answer = host.put(INSTANCES)
    assert (answer.status_code, answer.content) == (404, b"")


def test_the_links_of_a_check_status_response_work(host: httpx.Client, name: str):
    links = host.post(f"/api/orchestrations/wait_for_go/{name}", json=None).json()
    assert host.get(links["statusQueryGetUri"]).json()["instanceId"] == name
    assert host.post(links["terminatePostUri"].replace("{text}", "x")).status_code == 202


def test_an_activity_may_have_a_durable_client(
    host: httpx.Client, name: str, start: Callable[..., str]
):
    url = start("ask_around", name, until="Completed")
    assert host.get(url).json()["output"] == "RUNNING"


def test_a_parent_hears_of_a_child_that_takes_long(host: httpx.Client, wait_until: WaitUntil):
    """The in-memory backend by itself gives a child 30 s; `patient` began with the services."""
    patient = f"{INSTANCES}/patient"
    began = datetime.fromisoformat(host.get(patient).json()["createdTime"])
    wait_until(lambda: datetime.now(UTC) - began > timedelta(seconds=32))
    host.post(f"{patient}-child/raiseEvent/go", json="late").raise_for_status()
    wait_until(lambda: host.get(patient).status_code == 200)
    assert host.get(patient).json()["output"] == "late"
