"""The doctor: does all that the app needs answer, and may the app do there what it has to?

    python -m function_app.doctor                    by the settings in the environment
    python -m function_app.doctor --settings FILE    by those in local.settings.json, or in what
                                                     `az functionapp config appsettings list` prints
    python -m function_app.doctor --as-me ...        by whoever is signed in: the app's own identity
                                                     exists in Azure alone
    python -m function_app.doctor --smoke ...        also sends the nodes a tiny job, which tells of
                                                     their GPUs, encoders, mounts and MPI

Every right is tried by doing something harmless with it. Exit status 1: something is wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from azure.core import PipelineClient
from azure.core.pipeline.policies import BearerTokenCredentialPolicy, RetryPolicy
from azure.core.rest import HttpRequest, HttpResponse
from azure.storage.blob import BlobClient, BlobSasPermissions

from function_app.errors import SettingsError
from function_app.gpus import NODES, quota_family
from function_app.host.identity import identity
from function_app.settings import LOW_PRIORITY, Connection, settings
from function_app.store import paths, poison, storage
from function_app.store.styles import all_styles
from function_app.upkeep import smoke
from function_app.upkeep.findings import WRONG, Check, Finding, UnknownError, WrongError, examine

RESOURCE_MANAGER = "https://management.azure.com"
MACHINE_LEARNING = "providers/Microsoft.MachineLearningServices"
ML_VERSION = "2025-12-01"
EVENT_GRID_VERSION = "2025-02-15"
STORAGE_SCOPE = "https://storage.azure.com/.default"
STORAGE_VERSION = "2024-11-04"
NAMED = 5
"""Uploads that one finding names at most."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what was found; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m function_app.doctor", description="Check a deployment or a local set-up."
    )
    parser.add_argument("--settings", type=Path, help="file with the app's settings")
    parser.add_argument("--as-me", action="store_true", help="by whoever is signed in")
    parser.add_argument("--smoke", action="store_true", help="send the nodes a tiny job, too")
    parser.add_argument("--smoke-nodes", type=int, default=smoke.NODES, help="default: %(default)s")
    parser.add_argument(
        "--smoke-minutes", type=float, default=smoke.MINUTES, help="for it: %(default)s by default"
    )
    options = parser.parse_args(arguments)
    try:
        if options.settings:
            os.environ.update(_read(options.settings))
        if options.as_me:
            _forget_identities()
        settings.cache_clear()
        settings()
    except SettingsError as error:
        print(Finding("settings", WRONG, str(error), "Set it, or give --settings FILE."))
        return 1
    found = list(_told(examine(CHECKS)))
    if options.smoke:
        found += _told(smoke.smoke(options.smoke_nodes, options.smoke_minutes))
    return 1 if any(each.state == WRONG for each in found) else 0


def _told(findings: Iterator[Finding]) -> Iterator[Finding]:
    """Print each as soon as it is there."""
    for finding in findings:
        print(finding, flush=True)
        yield finding


def _read(file: Path) -> dict[str, str]:
    """Read settings as local.settings.json has them, or as the Azure CLI lists them."""
    try:
        content = json.loads(file.read_text())
        if isinstance(content, dict):
            return dict(content["Values"])  # pyright: ignore[reportUnknownArgumentType]
        return {each["name"]: each["value"] for each in content}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SettingsError(f"{file} holds no settings: {error!r}") from error


def _forget_identities() -> None:
    for name in list(os.environ):
        if name.endswith("__clientId") or name == "AML_CLIENT_ID":
            del os.environ[name]


# Storage


def _may_write(container: str) -> Callable[[], str]:
    def look() -> str:
        blob = storage.blob(container, _name())
        blob.upload_blob(b"")
        blob.delete_blob()
        return "may write and delete"

    return look


def _styles() -> str:
    there = all_styles()
    if not there:
        raise WrongError("there is no style")
    return f"may read; {len(there)} styles"


def _signed_urls() -> str:
    blob = storage.blob(paths.VIDEOS, _name())
    rights = BlobSasPermissions(create=True, write=True, read=True)
    url = storage.signed_url(blob, rights, timedelta(minutes=5))
    try:
        BlobClient.from_blob_url(url).upload_blob(b"")
        BlobClient.from_blob_url(url).get_blob_properties()
    finally:
        blob.delete_blob()
    return "a signed URL writes and reads"


def _host_storage() -> str:
    connection = Connection.read("AzureWebJobsStorage", os.environ)
    if connection.connection_string:
        return "by a key, which may do all"
    for service, path in (("blob", "?comp=list"), ("queue", "?comp=list"), ("table", "Tables")):
        address = os.environ.get(f"AzureWebJobsStorage__{service}ServiceUri", "")
        if not address:
            raise WrongError(f"AzureWebJobsStorage__{service}ServiceUri is not set")
        _must_be_allowed(_ask_storage(f"{address.rstrip('/')}/{path}", connection), service)
    return "may list blobs, queues and tables"


def _poison() -> str:
    if not poison.is_known():
        return "not looked at without DATA__queueServiceUri"
    if events := poison.peek():
        names = ", ".join(f"{each.container}/{each.blob}" for each in events[:NAMED])
        raise WrongError(f"{len(events)} uploads whose event failed: {names}")
    return "none"


# Azure Machine Learning


def _may_submit() -> str:
    """A job without a command is refused for what it is, but only from those who may submit."""
    answer = _arm("PUT", f"{_workspace()}/jobs/{_name()}", {"properties": {"jobType": "Command"}})
    if answer.status_code != 400:
        _must_be_allowed(answer, "submitting a job")
    return "may"


def _may_cancel() -> str:
    answer = _arm("POST", f"{_workspace()}/jobs/{_name()}/cancel")
    if answer.status_code != 404:
        _must_be_allowed(answer, "cancelling a job")
    return "may"


def _compute() -> str:
    limits = settings()
    resource = _found(f"{_workspace()}/computes/{limits.aml_compute}", limits.aml_compute)
    nodes: dict[str, Any] = resource["properties"].get("properties") or {}
    scale: dict[str, int] = nodes.get("scaleSettings") or {}
    most = scale.get("maxNodeCount", limits.aml_nodes_max)
    expected: dict[str, tuple[str, str | None]] = {
        "AML_SKU": (limits.aml_sku, nodes.get("vmSize")),
        "AML_TIER": (limits.aml_tier, nodes.get("vmPriority")),
    }
    for variable, (told, real) in expected.items():
        if told and real and told.lower() != real.lower():
            raise WrongError(f"{variable} is {told}, but {limits.aml_compute} is of {real}")
    if most < limits.aml_nodes_max:
        raise WrongError(f"AML_NODES_MAX is {limits.aml_nodes_max}, but it has {most} at most")
    return f"{limits.aml_compute}, {most} nodes at most"


def _environment() -> str:
    name, _, version = settings().aml_environment.partition(":")
    _found(f"{_workspace()}/environments/{name}/versions/{version}", settings().aml_environment)
    return settings().aml_environment


def _datastores() -> str:
    names = (paths.VIDEOS, paths.STYLES, paths.JOBS)
    for name in names:
        _found(f"{_workspace()}/datastores/{name}", f"datastore {name}")
    return ", ".join(names)


def _quota() -> str:
    limits = settings()
    if not limits.aml_sku:
        return "not looked at without AML_SKU"
    compute = _found(f"{_workspace()}/computes/{limits.aml_compute}", limits.aml_compute)
    where = f"/subscriptions/{limits.aml_subscription_id}/{MACHINE_LEARNING}/locations"
    usages = _found(f"{where}/{compute['location']}/usages", "the quota")["value"]
    family = quota_family(limits.aml_sku, limits.aml_tier == LOW_PRIORITY)
    needed = NODES[limits.aml_sku].vcpus * limits.aml_nodes_max
    for usage in usages:
        if family.search(str(usage["name"])):
            if usage["limit"] < needed:
                raise WrongError(f"{usage['limit']} cores, but AML_NODES_MAX nodes have {needed}")
            return f"{usage['limit']} cores, of which {needed} are enough"
    raise UnknownError(f"no quota is listed for {limits.aml_sku}")


# Event Grid


def _subscription() -> str:
    source = os.environ.get("BLOB_TRIGGER_SOURCE", "EventGrid")
    if source != "EventGrid":
        return f"none needed: {source}"
    where = settings()
    account = storage.container(paths.VIDEOS).account_name
    resource = (
        f"/subscriptions/{where.aml_subscription_id}/resourceGroups/{where.aml_resource_group}"
        f"/providers/Microsoft.Storage/storageAccounts/{account}"
        "/providers/Microsoft.EventGrid/eventSubscriptions"
    )
    listed = _found(resource, "subscriptions", EVENT_GRID_VERSION)["value"]
    for container in (paths.VIDEOS, paths.STYLES):
        states = [each["properties"]["provisioningState"] for each in _of(container, listed)]
        if "Succeeded" not in states:
            what = f"the subscription {states[0].lower()}" if states else "there is none"
            raise WrongError(f"uploads to {container} of {account} are told to nobody: {what}")
    return f"uploads to {account} reach the app"


def _of(container: str, subscriptions: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for each in subscriptions:
        wanted: dict[str, str] = each["properties"].get("filter") or {}
        if wanted.get("subjectBeginsWith", "").endswith(f"/containers/{container}/"):
            yield each


# Asking


def _name() -> str:
    """A name that no trigger and no reaper takes for its own, which look below folders."""
    return f"doctor-{uuid.uuid4().hex}"


def _workspace() -> str:
    where = settings()
    return (
        f"/subscriptions/{where.aml_subscription_id}/resourceGroups/{where.aml_resource_group}"
        f"/{MACHINE_LEARNING}/workspaces/{where.aml_workspace}"
    )


def _found(path: str, what: str, version: str = ML_VERSION) -> dict[str, Any]:
    answer = _arm("GET", path, version=version)
    if answer.status_code == 404:
        raise WrongError(f"{what} is not there")
    if answer.status_code in {401, 403}:
        raise UnknownError(f"{what} may not be read")
    _must_be_allowed(answer, f"reading {what}")
    return answer.json()


def _must_be_allowed(answer: HttpResponse, what: str) -> None:
    if answer.status_code >= 300:
        raise WrongError(f"{what}: {answer.status_code} {answer.reason}")


def _arm(
    method: str, path: str, body: Mapping[str, Any] | None = None, version: str = ML_VERSION
) -> HttpResponse:
    where = settings()
    base = where.aml_endpoint or RESOURCE_MANAGER
    scope = None if where.aml_endpoint else f"{RESOURCE_MANAGER}/.default"
    request = HttpRequest(method, f"{base}{path}", params={"api-version": version}, json=body)
    return _send(request, where.aml_client_id, scope)


def _ask_storage(url: str, connection: Connection) -> HttpResponse:
    headers = {"x-ms-version": STORAGE_VERSION, "Accept": "application/json, application/xml"}
    return _send(HttpRequest("GET", url, headers=headers), connection.client_id, STORAGE_SCOPE)


def _send(request: HttpRequest, client_id: str, scope: str | None) -> HttpResponse:
    policies: list[Any] = [RetryPolicy(retry_total=1)]
    if scope is not None:
        policies.append(BearerTokenCredentialPolicy(identity(client_id), scope))
    with PipelineClient[HttpRequest, HttpResponse](request.url, policies=policies) as client:
        return client.send_request(request)


ROLES = "Assign the roles that docs/security.md lists for the app: deploy infra/main.bicep again."
REACH = "Start the service, or correct its address in the settings; else: " + ROLES
WORKER = "Deploy infra/main.bicep; name in the settings what it made."

CHECKS = (
    Check("videos", _may_write(paths.VIDEOS), REACH),
    Check("styles", _styles, "Upload a style to `styles`: infra/hooks/postprovision.sh does."),
    Check("results", _may_write(paths.RESULTS), REACH),
    Check("jobs", _may_write(paths.JOBS), REACH),
    Check("spend", _may_write(paths.SPEND), REACH),
    Check("signed URLs", _signed_urls, ROLES),
    Check("host storage", _host_storage, REACH),
    Check("uploads that failed", _poison, "The timer starts them; if it does not, see the logs."),
    Check("submitting jobs", _may_submit, REACH),
    Check("cancelling jobs", _may_cancel, REACH),
    Check("compute target", _compute, WORKER),
    Check("environment", _environment, WORKER),
    Check("datastores", _datastores, WORKER),
    Check("quota", _quota, "Ask for more quota in Azure Machine Learning, or set AML_NODES_MAX."),
    Check("upload events", _subscription, "Run infra/hooks/postdeploy.sh, once the app is there."),
)

if __name__ == "__main__":
    sys.exit(main())
