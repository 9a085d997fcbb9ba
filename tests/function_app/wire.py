"""The Functions host's side of the wire: messages to the real Python worker library.

The messages are those of the emulator's host.
"""

import asyncio
import json
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import azure_functions_runtime as worker

from emulator.worker import PROTOS, Message, StatusResult
from tests.function_app import contract


class Worker:
    """The worker library with the app of one folder indexed.

    Attributes:
        functions: metadata of the app's functions, by name.
    """

    def __init__(self, folder: Path) -> None:
        init = Message(capabilities={}, function_app_directory=str(folder))
        response = self._send(worker.worker_init_request, "worker_init_request", init)
        assert response.result.status == StatusResult.Success, response.result.exception.message
        answer = self._send(worker.functions_metadata_request, "functions_metadata_request", None)
        self.functions = {each.name: each for each in answer.function_metadata_results or ()}

    def bindings(self, name: str) -> list[dict[str, Any]]:
        """Return the bindings of a function as function.json would have them."""
        return [json.loads(binding) for binding in self.functions[name].raw_bindings]

    def invoke(self, name: str, *, trace_parent: str = "", **inputs: Message) -> Any:
        """Invoke a function, in a trace; return the response, whether it succeeded or not."""
        request = Message(
            invocation_id=str(uuid.uuid4()),
            function_id=self.functions[name].function_id,
            input_data=[binding(key, value) for key, value in inputs.items()],
            trigger_metadata={},
            trace_context=Message(trace_parent=trace_parent, trace_state="", attributes={}),
            retry_context=Message(retry_count=0, max_retry_count=0, exception=None),
        )
        return self._send(worker.invocation_request, "invocation_request", request)

    def call(self, name: str, **inputs: Message) -> Any:
        """Invoke a function that must succeed; return what it returned.

        An answer to an HTTP request must be one that the API's description allows.
        """
        response = self.invoke(name, **inputs)
        assert response.result.status == StatusResult.Success, response.result.exception.message
        answer = response.return_value
        if hasattr(answer, "http"):
            contract.check(name, answer.http)
        return answer

    @staticmethod
    def _send(handle: Any, field: str, message: Message | None) -> Any:
        properties = {"host": "127.0.0.1", "protos": PROTOS}
        return asyncio.run(
            handle(Message(request=Message(**{field: message}), properties=properties))
        )


def binding(name: str, data: Message) -> Message:
    return Message(name=name, data=data)


def text(value: str) -> Message:
    """A string, as activities, orchestrators and durable clients get."""
    return Message(string=value)


def json_text(value: Any) -> Message:
    return text(json.dumps(value))


def http(
    method: str,
    path: str,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
    **route: str,
) -> Message:
    """An HTTP request; its query is taken from the path."""
    path, _, query = path.partition("?")
    pairs = dict(parse_qsl(query))
    return Message(
        http=Message(
            method=method,
            url=f"http://127.0.0.1{path}",
            headers={"content-type": "application/json", **(headers or {})},
            params=route,
            query=pairs,
            body=Message(bytes=b"" if body is None else json.dumps(body).encode()),
        )
    )


def blob(connection: str, container: str, name: str) -> Message:
    """A reference to a blob, as the blob trigger passes it to an SDK type."""
    content = {"Connection": connection, "ContainerName": container, "BlobName": name}
    return Message(
        model_binding_data=Message(
            version="1.0",
            source="AzureStorageBlobs",
            content_type="application/json",
            content=json.dumps(content).encode(),
        )
    )


def timer() -> Message:
    """A tick of a timer that is not late."""
    return Message(json=json.dumps({"IsPastDue": False, "Schedule": {}, "ScheduleStatus": {}}))


def durable_client(address: str) -> Message:
    """The durable client binding of a task hub, as the durable extension passes it."""
    return json_text(
        {
            "taskHubName": "test",
            "rpcBaseUrl": f"http://{address}",
            "baseUrl": "",
            "httpBaseUrl": "",
            "requiredQueryStringParameters": "",
            "managementUrls": {},
        }
    )


def body(answer: Any) -> Any:
    """Return the JSON of an HTTP response."""
    return json.loads(answer.http.body.bytes)
