"""The API's description as a contract: whether an answer is one that it allows."""

import copy
import json
from typing import Any

from jsonschema import Draft202012Validator

from function_app.api.openapi import document

METHODS = {"get", "post", "put", "delete"}
OPERATIONS: dict[str, Any] = {
    operation["operationId"]: operation | {"method": method, "path": path}
    for path, item in document()["paths"].items()
    for method, operation in item.items()
    if method in METHODS
}


def check(name: str, answer: Any) -> None:
    """Fail if the function `name` may not answer like this: by status, headers, type, fields."""
    responses = OPERATIONS[name]["responses"]
    assert answer.status_code in responses, f"{name} may not answer {answer.status_code}"
    allowed = responses[answer.status_code]
    needed = {each for each, header in allowed.get("headers", {}).items() if header.get("required")}
    assert needed <= set(answer.headers)
    if "content" not in allowed:
        assert answer.body.bytes == b""
        return
    kind = answer.headers["content-type"].partition(";")[0]
    assert kind in allowed["content"], f"{name} may not answer {kind}"
    if "schema" in (content := allowed["content"][kind]):
        validate(json.loads(answer.body.bytes), content["schema"])


def validate(body: Any, schema: dict[str, Any]) -> None:
    """Fail if a document is off its schema, or says what the schema knows nothing of."""
    components = {"components": closed(document()["components"])}
    Draft202012Validator({**closed(schema), **components}).validate(body)


def closed(schema: Any) -> Any:
    """Return a schema in which objects have no properties but those that are named."""
    schema = copy.deepcopy(schema)
    if isinstance(schema, dict):
        if "properties" in schema and schema.get("type") == "object":
            schema.setdefault("additionalProperties", False)
        return {key: closed(value) for key, value in schema.items()}
    return [closed(each) for each in schema] if isinstance(schema, list) else schema
