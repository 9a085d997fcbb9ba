"""A function app with a function of each kind, for the tests of the emulator.

Its activities append what they do to the file `SAMPLE_LOG`, so that a test can count.
"""

import datetime
import json
import os
import time
from pathlib import Path
from typing import Any

import azure.durable_functions as df
import azure.functions as func
import azurefunctions.extensions.bindings.blob as blob
import grpc
from azure.storage.blob import BlobServiceClient
from durabletask import task
from durabletask.internal import orchestrator_service_pb2 as pb

app = df.DFApp(http_auth_level=func.AuthLevel.FUNCTION)


def note(line: str) -> None:
    with Path(os.environ["SAMPLE_LOG"]).open("a") as log:
        log.write(line + "\n")


@app.function_name("arrive")
@app.blob_trigger("video", "videos/{style}/{name}", "DATA", source="EventGrid")
@app.durable_client_input(client_name="client")
async def arrive(video: blob.BlobClient, client: df.DurableFunctionsClient) -> None:
    note(f"arrive {video.blob_name}")
    properties = video.get_blob_properties()
    if properties.metadata.get("poison"):
        raise ValueError("poison")
    instance = properties.etag.strip('"')
    try:
        await client.schedule_new_orchestration(
            "process",
            input={"name": video.blob_name},
            instance_id=instance,
            reuse_id_policy=pb.OrchestrationIdReusePolicy(
                replaceableStatus=[pb.ORCHESTRATION_STATUS_TERMINATED]
            ),
        )
    except grpc.RpcError:
        note(f"known {video.blob_name}")
    note(f"arrived {video.blob_name}")


@app.orchestration_trigger(context_name="context")
def process(context: task.OrchestrationContext, order: dict[str, Any]) -> Any:
    context.set_custom_status({"stage": "measure"})
    size = yield context.call_activity("measure", input=order["name"])
    context.set_custom_status({"stage": "count"})
    total = yield context.call_sub_orchestrator("count", input={"size": size, "turn": 0})
    return {"size": size, "total": total}


@app.orchestration_trigger(context_name="context")
def count(context: task.OrchestrationContext, state: dict[str, int]) -> Any:
    cancel = context.wait_for_external_event("cancel")
    timer = context.create_timer(datetime.timedelta(seconds=0.1))
    winner = yield task.when_any([timer, cancel])
    if winner is cancel:
        return "cancelled"
    if state["turn"] == 2:
        return state["size"]
    context.continue_as_new({**state, "turn": state["turn"] + 1}, save_events=True)
    return None


@app.activity_trigger(input_name="name")
def measure(name: str) -> int:
    note(f"measure {name}")
    service = BlobServiceClient.from_connection_string(os.environ["DATA"])
    return service.get_blob_client("videos", name).get_blob_properties().size


@app.orchestration_trigger(context_name="context")
def stages(context: task.OrchestrationContext, seconds: float) -> Any:
    first = yield context.call_activity("slow", input={"name": "first", "seconds": 0})
    context.set_custom_status("second")
    second = yield context.call_activity("slow", input={"name": "second", "seconds": seconds})
    return [first, second]


@app.activity_trigger(input_name="work")
def slow(work: dict) -> str:
    note(f"slow {work['name']}")
    time.sleep(work["seconds"])
    note(f"done {work['name']}")
    return work["name"]


@app.orchestration_trigger(context_name="context")
def wait_for_go(context: task.OrchestrationContext, _: object) -> Any:
    return (yield context.wait_for_external_event("go"))


@app.orchestration_trigger(context_name="context")
def parent(context: task.OrchestrationContext, child: str) -> Any:
    return (yield context.call_sub_orchestrator("wait_for_go", instance_id=child))


@app.orchestration_trigger(context_name="context")
def fail(context: task.OrchestrationContext, message: str) -> Any:
    return (yield context.call_activity("break_down", input=message))


@app.activity_trigger(input_name="message")
def break_down(message: str) -> None:
    raise ValueError(message)


@app.orchestration_trigger(context_name="context")
def ask_around(context: task.OrchestrationContext, instance: str) -> Any:
    return (yield context.call_activity("look_up", input=instance))


@app.activity_trigger(input_name="instance")
@app.durable_client_input(client_name="client")
async def look_up(instance: str, client: df.DurableFunctionsClient) -> str:
    state = await client.get_orchestration_state(instance)
    return state.runtime_status.name if state else "MISSING"


@app.route(route="orchestrations/{name}/{id}", methods=["POST"])
@app.durable_client_input(client_name="client")
async def start(req: func.HttpRequest, client: df.DurableFunctionsClient) -> func.HttpResponse:
    await client.schedule_new_orchestration(
        req.route_params["name"],
        input=json.loads(req.get_body() or "null"),
        instance_id=req.route_params["id"],
    )
    return client.create_check_status_response(req, req.route_params["id"])


@app.route(route="echo/{*rest}", methods=["POST", "GET"])
def echo(req: func.HttpRequest) -> func.HttpResponse:
    described = {
        "method": req.method,
        "rest": req.route_params["rest"],
        "query": dict(req.params),
        "header": req.headers.get("X-Sample"),
        "length": len(req.get_body()),
    }
    return func.HttpResponse(
        json.dumps(described), status_code=201, mimetype="application/json",
        headers={"X-Answer": "yes"},
    )  # fmt: skip


@app.route(route="echo/binary", methods=["POST"])
def binary(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(req.get_body()[::-1], mimetype="application/octet-stream")


@app.route(route="parts/{part}", methods=["GET"])
def part(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(req.route_params["part"])


@app.route(route="parts/whole", methods=["GET"])
def whole(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(f"never asked for {req.url}: `part` comes first")


@app.route(route="{nothing:maxlength(0)?}", methods=["GET"])
def root(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(f"{req.method} of the root")


@app.route(route="broken")
def broken(req: func.HttpRequest) -> func.HttpResponse:
    raise RuntimeError(f"secret detail of {req.url}")


@app.timer_trigger(arg_name="timer", schedule="%SAMPLE_SCHEDULE%")
def tick(timer: func.TimerRequest) -> None:
    note(f"tick past_due={timer.past_due}")
