"""What Bicep tells the function app is what the app and the platform read, and all they need."""

import dataclasses
import json
import re
from pathlib import Path

import azure.functions as func
import pytest

from function_app import paths, triggers
from function_app.errors import SettingsError
from function_app.gpus import NODES
from function_app.settings import DEDICATED, LOW_PRIORITY, Settings
from tests.infra.bicep import INFRA, infra_file

ROOT = Path(__file__).parents[2]

PLATFORM = {
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
    "APPLICATIONINSIGHTS_CONNECTION_STRING",
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

VARIABLES = infra_file("function-app.bicep").all("var")
ALWAYS = VARIABLES["settings"].value
WITH_SCHEDULER = VARIABLES["schedulerSettings"].value
SCHEDULER = WITH_SCHEDULER[
    f"{HOST_JSON}extensions__durableTask__storageProvider__connectionStringName"
]
"""The setting that holds the scheduler's connection: the host is told its name."""


def test_every_setting_is_read():
    unread = (ALWAYS.keys() | WITH_SCHEDULER.keys()) - PLATFORM - _read_by_the_app() - {SCHEDULER}
    assert {name for name in unread if not name.startswith(HOST_JSON)} == set()


def test_every_platform_setting_is_set():
    assert ALWAYS.keys() >= PLATFORM


def test_settings_are_enough_for_the_app():
    read = Settings.read(_environment())
    assert read.data.blob_service_uri
    assert read.jobs.client_id
    assert not read.aml_endpoint


@pytest.mark.parametrize("name", ["DATA__blobServiceUri", "JOBS__blobServiceUri", "AML_WORKSPACE"])
def test_app_does_not_start_without(name: str):
    environment = _environment()
    del environment[name]
    with pytest.raises(SettingsError, match=name.split("__")[0]):
        Settings.read(environment)


def test_trigger_listens_to_event_grid():
    assert func.BlobSource(ALWAYS["BLOB_TRIGGER_SOURCE"]) is func.BlobSource.EVENT_GRID


def test_events_are_sent_to_the_triggers():
    variables = infra_file("events.bicep").all("var")["triggers"].value
    listened = {each["container"]: each["function"] for each in variables}
    assert listened == {paths.VIDEOS: "on_video_uploaded", paths.STYLES: "on_style_uploaded"}
    assert all(hasattr(triggers, function) for function in listened.values())
    uploads = infra_file("events.bicep").all("resource")["uploads"].value["properties"]
    url = uploads["destination"]["properties"]["endpointUrl"]
    assert "?functionName=Host.Functions.${trigger.function}&" in url
    container = "'/blobServices/default/containers/${trigger.container}/'"
    assert uploads["filter"]["subjectBeginsWith"] == container


def test_events_of_styles_are_those_of_their_sources():
    suffixes = infra_file("events.bicep").all("param")["styleSuffixes"].value
    assert set(suffixes) == {*paths.PAINTING_SUFFIXES, *paths.CHECKPOINT_SUFFIXES}


def test_every_container_is_made_and_mountable():
    modules = infra_file("main.bicep").all("module")
    data = modules["dataAccount"].value["params"]["containers"]
    jobs = modules["jobsAccount"].value["params"]["containers"]
    assert set(data) == {paths.VIDEOS, paths.STYLES, paths.RESULTS}
    assert set(jobs) >= {paths.JOBS, paths.SPEND}
    stores = infra_file("workspace.bicep").all("var")["datastores"].value
    assert {store["container"] for store in stores} == {paths.VIDEOS, paths.STYLES, paths.JOBS}


def test_environment_is_the_one_that_the_app_names():
    worker = infra_file("workspace.bicep").all("resource")["worker"].value["name"]
    defaults = {each.name: each.default for each in dataclasses.fields(Settings)}
    assert defaults["aml_environment"].partition(":")[0] == worker


def test_entry_point_is_there():
    assert (ROOT / ALWAYS["PYTHON_SCRIPT_FILE_NAME"]).is_file()


def test_nodes_are_of_a_size_that_the_app_knows():
    assert infra_file("main.bicep").all("param")["gpuSku"].value in NODES
    assert "loadJsonContent('../function_app/gpus.json')" in (INFRA / "main.bicep").read_text()


def test_tiers_are_those_that_the_app_knows():
    tiers = re.search(r"@allowed\((.*)\)\nparam tier ", (INFRA / "main.bicep").read_text())
    assert tiers
    assert tiers[1] == f"['{DEDICATED}', '{LOW_PRIORITY}']"


def test_task_hub_is_named_in_host_json():
    host = json.loads((ROOT / "host.json").read_text())
    assert host["extensions"]["durableTask"]["hubName"]


def _read_by_the_app() -> set[str]:
    """Names of the variables that settings.py reads, and of those read where it cannot be."""
    names = {"BLOB_TRIGGER_SOURCE"}
    for field in dataclasses.fields(Settings):
        if connection := field.metadata.get("connection"):
            names |= {f"{connection}__blobServiceUri", f"{connection}__clientId"}
        else:
            names.add(field.metadata["variable"])
    return names


def _environment() -> dict[str, str]:
    """What the app would find: defaults of main.bicep, else something that is text and number."""
    params = infra_file("main.bicep").all("param")
    defaults = {"AML_SKU": params["gpuSku"].value, "AML_TIER": params["tier"].value}
    return dict.fromkeys(ALWAYS, "1") | defaults
