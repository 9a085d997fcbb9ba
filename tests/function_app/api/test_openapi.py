"""The description of the API against the app: routes, limits, and the document itself."""

from typing import Any

import pytest
from jsonschema import ValidationError
from openapi_spec_validator import OpenAPIV31SpecValidator

from function_app.api.openapi import document
from tests.function_app import contract
from tests.function_app.wire import Message, Worker, body, http


def routes_of_the_app(worker: Worker) -> set[tuple[str, str, str]]:
    """Name, method and path; HEAD is GET without the body, and not described."""
    triggers = [
        (name, binding)
        for name in worker.functions
        if not name.startswith("BuiltIn__") and name != "unknown_route"
        for binding in worker.bindings(name)
        if binding["type"] == "httpTrigger"
    ]
    return {
        (name, str(method).lower(), "/" if name == "get_page" else f"/{trigger['route']}")
        for name, trigger in triggers
        for method in trigger["methods"]
        if str(method).upper() != "HEAD"
    }


def test_the_description_is_valid_openapi() -> None:
    OpenAPIV31SpecValidator(document()).validate()


def test_the_description_has_every_route_of_the_app_and_no_other(worker: Worker) -> None:
    described = {
        (name, operation["method"], operation["path"])
        for name, operation in contract.OPERATIONS.items()
    }
    assert described == routes_of_the_app(worker)


@pytest.mark.parametrize("name", sorted(contract.OPERATIONS.keys() - {"get_page", "get_asset"}))
def test_a_parameter_that_is_not_described_is_refused(
    worker: Worker, durable: Message, name: str
) -> None:
    operation = contract.OPERATIONS[name]
    known = [each["name"] for each in operation["parameters"] if each["in"] == "query"]
    binds = {each["name"] for each in worker.bindings(name)}
    client = {"client": durable} if "client" in binds else {}
    request = http(operation["method"].upper(), "/?code=KEY&clientId=x&limit=1", id="none")
    answer = worker.call(name, req=request, **client)
    assert (answer.http.status_code, body(answer)["code"]) == ("400", "bad-request")
    there = f"known are {', '.join(known)}" if known else "none is known here"
    assert body(answer)["detail"] == f"there is no parameter 'limit': {there}"


def test_the_app_serves_its_description(worker: Worker) -> None:
    request = http("GET", "/api/openapi.json")
    assert body(worker.call("get_openapi", req=request)) == document()


@pytest.mark.parametrize(
    "off",
    [
        {},
        {"jobs": [{}], "next": None, "missed": []},
        {"jobs": [], "next": None, "missed": [], "more": 1},
    ],
)
def test_an_answer_off_its_schema_is_noticed(off: Any) -> None:
    with pytest.raises(ValidationError):
        contract.validate(off, {"$ref": "#/components/schemas/Jobs"})
