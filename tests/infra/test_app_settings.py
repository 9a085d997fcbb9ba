"""What Bicep tells the function app is what the app and the platform read, and all they need."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest

from function_app import triggers
from function_app.errors import SettingsError
from function_app.gpus import NODES
from function_app.settings import DEDICATED, LOW_PRIORITY, Settings
from function_app.store import paths
from tests.infra.compiler import INFRA, Compiled, Compiler, Deployment

ROOT = Path(__file__).parents[2]

PLATFORM = {
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
    "APPLICATIONINSIGHTS_CONNECTION_STRING",
    "AzureWebJobsDisableHomepage",
    "AzureWebJobsStorage__blobServiceUri",
    "AzureWebJobsStorage__clientId",
    "AzureWebJobsStorage__credential",
    "AzureWebJobsStorage__queueServiceUri",
    "AzureWebJobsStorage__tableServiceUri",
    "DATA__credential",
    "DATA__queueServiceUri",
    "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY",
    "PYTHON_SCRIPT_FILE_NAME",
}
"""Read by the Functions host, the blob trigger's extension and the Python worker."""

HOST_JSON = "AzureFunctionsJobHost__"
"""Prefix of settings that stand for a value in host.json."""

CONNECTION_NAME = f"{HOST_JSON}extensions__durableTask__storageProvider__connectionStringName"
"""The setting that says which holds the connection of a Durable Task Scheduler."""


def test_every_setting_is_read(variant: Deployment):
    connection = {variant.app_settings.get(CONNECTION_NAME, "")}
    unread = variant.app_settings.keys() - PLATFORM - _read_by_the_app() - connection
    assert {name for name in unread if not name.startswith(HOST_JSON)} == set()


def test_every_platform_setting_is_set(variant: Deployment):
    assert variant.app_settings.keys() >= PLATFORM


def test_settings_are_enough_for_the_app(variant: Deployment):
    read = Settings.read(variant.app_settings)
    assert read.data.blob_service_uri
    assert read.jobs.client_id
    assert not read.aml_endpoint


@pytest.mark.parametrize("name", ["DATA__blobServiceUri", "JOBS__blobServiceUri", "AML_WORKSPACE"])
def test_app_does_not_start_without(name: str, default: Deployment):
    environment = dict(default.app_settings)
    del environment[name]
    with pytest.raises(SettingsError, match=name.split("__")[0]):
        Settings.read(environment)


def test_further_settings_win(deploy: Callable[..., Deployment]):
    changed = deploy(appSettings={"POLL_SECONDS": "7", "AML_NODES_MAX": "9"})
    read = Settings.read(changed.app_settings)
    assert (read.poll_seconds, read.aml_nodes_max) == (7, 9)


def test_trigger_listens_to_event_grid(default: Deployment):
    source = default.app_settings["BLOB_TRIGGER_SOURCE"]
    assert func.BlobSource(source) is func.BlobSource.EVENT_GRID


@pytest.fixture(scope="session")
def subscriptions(compiler: Compiler) -> dict[str, dict[str, Any]]:
    """What events.bicep subscribes, by container."""
    names = {"functionAppName": "func-a", "topicName": "topic", "jobsAccountName": "jobs"}
    found = compiler.deploy(names, INFRA / "events.bicep")
    return {each["name"].split("/")[-1]: each["properties"] for each in found.resources}


def test_events_are_sent_to_the_triggers(subscriptions: dict[str, dict[str, Any]]):
    listening = {paths.VIDEOS: "on_video_uploaded", paths.STYLES: "on_style_uploaded"}
    assert subscriptions.keys() == listening.keys()
    for container, function in listening.items():
        assert hasattr(triggers, function)
        url = subscriptions[container]["destination"]["properties"]["endpointUrl"]
        assert "?functionName=Host.Functions.{1}&code={2}" in url
        assert "runtime/webhooks/blobs', reference(" in url
        assert f"'{function}'" in url
        begins = subscriptions[container]["filter"]["subjectBeginsWith"]
        assert begins == f"/blobServices/default/containers/{container}/"


def test_whatever_is_put_among_the_videos_raises_an_event(
    subscriptions: dict[str, dict[str, Any]],
):
    narrowing = subscriptions[paths.VIDEOS]["filter"]
    assert narrowing["includedEventTypes"] == ["Microsoft.Storage.BlobCreated"]
    assert not narrowing["advancedFilters"]
    assert not {"subjectEndsWith", "isSubjectCaseSensitive"} & narrowing.keys()


def test_events_of_styles_are_those_of_their_sources(subscriptions: dict[str, dict[str, Any]]):
    (one,) = subscriptions[paths.STYLES]["filter"]["advancedFilters"]
    assert one["operatorType"] == "StringEndsWith"
    assert set(one["values"]) == {*paths.PAINTING_SUFFIXES, *paths.CHECKPOINT_SUFFIXES}


def test_every_container_is_made_and_mountable(variant: Deployment):
    kind = "Microsoft.Storage/storageAccounts/blobServices/containers"
    made: dict[str, set[str]] = {}
    for each in variant.of(kind):
        account, _, container = each["name"].split("/")
        made.setdefault(account[: len("stdata")], set()).add(container)
    assert made["stdata"] == {paths.VIDEOS, paths.STYLES, paths.RESULTS}
    assert made["stjobs"] >= {paths.JOBS, paths.SPEND}
    stores = variant.of("Microsoft.MachineLearningServices/workspaces/datastores")
    mountable = {store["name"].split("/")[-1] for store in stores}
    assert mountable == {paths.VIDEOS, paths.STYLES, paths.JOBS}


def test_environment_is_the_one_that_the_app_names(default: Deployment):
    kind = "Microsoft.MachineLearningServices/workspaces/environments"
    worker = default.one(kind)["name"].split("/")[-1]
    defaults = {each.name: each.default for each in dataclasses.fields(Settings)}
    assert defaults["aml_environment"].partition(":")[0] == worker
    version = default.one(f"{kind}/versions")["name"].split("/")[-1]
    assert default.app_settings["AML_ENVIRONMENT"] == f"{worker}:{version}"


def test_entry_point_is_there(default: Deployment):
    assert (ROOT / default.app_settings["PYTHON_SCRIPT_FILE_NAME"]).is_file()


def test_nodes_are_of_a_size_that_the_app_knows(main: Compiled):
    assert main.template["parameters"]["gpuSku"]["defaultValue"] in NODES
    assert "loadJsonContent('../function_app/gpus.json')" in (INFRA / "main.bicep").read_text()


@pytest.mark.parametrize("sku", ["Standard_NC64as_T4_v3", "Standard_ND96isr_H100_v5"])
def test_processes_are_the_gpus_of_a_node(sku: str, deploy: Callable[..., Deployment]):
    assert deploy(gpuSku=sku).app_settings["AML_PROCESSES_PER_NODE"] == str(NODES[sku].gpus)


def test_tiers_are_those_that_the_app_knows(main: Compiled):
    assert main.template["parameters"]["tier"]["allowedValues"] == [DEDICATED, LOW_PRIORITY]


def test_task_hub_is_the_one_of_host_json(deployed: Callable[[str], Deployment]):
    host = json.loads((ROOT / "host.json").read_text())
    hub = deployed("scheduler").one("Microsoft.DurableTask/schedulers/taskHubs")["name"]
    assert hub.split("/")[-1] == host["extensions"]["durableTask"]["hubName"]


def test_scheduler_takes_the_place_of_storage(deployed: Callable[[str], Deployment]):
    settings = deployed("scheduler").app_settings
    assert settings[f"{HOST_JSON}extensions__durableTask__storageProvider__type"] == "azureManaged"
    connection = settings[settings[CONNECTION_NAME]]
    assert "Authentication=ManagedIdentity" in connection
    assert CONNECTION_NAME not in deployed("default").app_settings


def _read_by_the_app() -> set[str]:
    """Names of the variables that settings.py reads, and of those read where it cannot be."""
    names = {"BLOB_TRIGGER_SOURCE", "HTTP_AUTH_LEVEL"}
    for field in dataclasses.fields(Settings):
        if connection := field.metadata.get("connection"):
            names |= {f"{connection}__blobServiceUri", f"{connection}__clientId"}
        else:
            names.add(field.metadata["variable"])
    return names
