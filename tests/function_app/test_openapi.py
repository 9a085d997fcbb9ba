"""The description of the API against the app: routes, limits, and the document itself."""

from typing import Any

import pytest
from jsonschema import ValidationError
from openapi_spec_validator import OpenAPIV31SpecValidator

from function_app.api.openapi import document
from tests.function_app import contract
from tests.function_app.wire import Worker, body, http


def routes_of_the_app(worker: Worker) -> set[tuple[str, str, str]]:
    triggers = [
        (name, binding)
        for name in worker.functions
        if not name.startswith("BuiltIn__")
        for binding in worker.bindings(name)
        if binding["type"] == "httpTrigger"
    ]
    return {
        (name, str(method).lower(), "/" if name == "get_page" else f"/{trigger['route']}")
        for name, trigger in triggers
        for method in trigger["methods"]
    }


def test_the_description_is_valid_openapi() -> None:
    OpenAPIV31SpecValidator(document()).validate()


def test_the_description_has_every_route_of_the_app_and_no_other(worker: Worker) -> None:
    described = {
        (name, operation["method"], operation["path"])
        for name, operation in contract.OPERATIONS.items()
    }
    assert described == routes_of_the_app(worker)


def test_the_app_serves_its_description(worker: Worker) -> None:
    request = http("GET", "/api/openapi.json")
    assert body(worker.call("get_openapi", req=request)) == document()


@pytest.mark.parametrize(
    "off", [{}, {"jobs": [{}], "next": None}, {"jobs": [], "next": None, "more": 1}]
)
def test_an_answer_off_its_schema_is_noticed(off: Any) -> None:
    with pytest.raises(ValidationError):
        contract.validate(off, {"$ref": "#/components/schemas/Jobs"})
