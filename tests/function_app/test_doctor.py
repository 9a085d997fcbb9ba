"""The doctor: a healthy set-up, and what each illness looks like."""

import json
from collections.abc import Callable, Generator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from azure.storage.blob import ExponentialRetry

from emulator.config import Config, free_ports
from function_app import doctor
from function_app.doctor import CHECKS
from function_app.store import paths, storage
from function_app.upkeep.findings import Finding, examine
from tests.function_app.azureml import AzureML

GROUP = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/local"
WORKSPACE = f"{GROUP}/providers/Microsoft.MachineLearningServices/workspaces/local"
LOCATION = (
    "/subscriptions/00000000-0000-0000-0000-000000000000"
    "/providers/Microsoft.MachineLearningServices/locations/westeurope"
)
EVENTS = (
    f"{GROUP}/providers/Microsoft.Storage/storageAccounts/stdata"
    "/providers/Microsoft.EventGrid/eventSubscriptions"
)


@pytest.fixture
def find() -> Callable[[str], Finding]:
    """Return a way to make one check."""

    def one(name: str) -> Finding:
        (finding,) = examine([check for check in CHECKS if check.name == name])
        return finding

    return one


@pytest.fixture
def azure(configure: Callable[..., None]) -> Generator[dict[str, Any]]:
    """A resource manager that answers with what the dictionary has for a path, else with 404."""
    answers: dict[str, Any] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = answers.get(self.path.partition("?")[0], 404)
            self.send_response(answer if isinstance(answer, int) else 200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        configure(
            AML_ENDPOINT=f"http://127.0.0.1:{server.server_port}",
            AML_SKU="Standard_NC4as_T4_v3",
            AML_COMPUTE="gpu",
            AML_NODES_MAX="4",
            BLOB_TRIGGER_SOURCE="EventGrid",
        )
        thread = Thread(target=server.serve_forever, args=[0.05])
        thread.start()
        yield answers
        server.shutdown()
        thread.join()


def compute(size: str = "Standard_NC4as_T4_v3", nodes: int = 4, tier: str = "Dedicated") -> Any:
    scale = {"scaleSettings": {"maxNodeCount": nodes}}
    return {
        "location": "westeurope",
        "properties": {"properties": {"vmSize": size, "vmPriority": tier, **scale}},
    }


def impatient(**given: Any) -> ExponentialRetry:
    """The policy of retries that has none."""
    return ExponentialRetry(**given | {"retry_total": 0})


@pytest.mark.usefixtures("azureml", "style")
def test_nothing_is_wrong_with_the_emulator(
    azurite_config: Config, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "local.settings.json"
    file.write_text(json.dumps({"Values": azurite_config.app_settings}))
    status = doctor.main(["--settings", str(file)])
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if not line.startswith("ok ")] == []
    assert len(lines) == len(CHECKS)
    assert status == 0
    left = [*storage.names(paths.VIDEOS, "doctor-"), *storage.names(paths.JOBS, "doctor-")]
    assert left == []


def test_settings_as_the_azure_cli_lists_them_are_read(
    azurite_config: Config, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = [
        {"name": name, "value": value, "slotSetting": False}
        for name, value in (azurite_config.app_settings | {"POLL_SECONDS": "often"}).items()
    ]
    file = tmp_path / "listed.json"
    file.write_text(json.dumps(listed))
    assert doctor.main(["--settings", str(file)]) == 1
    assert "POLL_SECONDS is set to 'often'" in capsys.readouterr().out


@pytest.mark.parametrize("content", ["", "[1]", "{}"])
def test_a_file_without_settings_is_named(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "settings.json"
    file.write_text(content)
    assert doctor.main(["--settings", str(file)]) == 1
    assert f"{file} holds no settings" in capsys.readouterr().out


def test_storage_that_is_not_there_is_wrong(
    find: Callable[[str], Finding],
    configure: Callable[..., None],
    azurite_config: Config,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (port,) = free_ports(1)
    monkeypatch.setattr(storage, "ExponentialRetry", impatient)
    configure(DATA=azurite_config.storage.replace(str(azurite_config.blob_port), str(port)))
    finding = find("styles")
    assert finding.state == "wrong"
    assert finding.advice


def test_a_right_that_is_missing_is_wrong(find: Callable[[str], Finding], azureml: AzureML) -> None:
    azureml.ask("answers", method="PUT", status=403)
    assert find("submitting jobs").detail == "submitting a job: 403 Forbidden"
    azureml.ask("answers", method="POST", status=403)
    assert find("cancelling jobs").state == "wrong"
    assert find("submitting jobs").state == find("cancelling jobs").state == "ok"


@pytest.mark.parametrize(
    ("resource", "finding"),
    [
        (compute(), "gpu, 4 nodes at most"),
        (compute(size="Standard_NC24ads_A100_v4"), "AML_SKU is Standard_NC4as_T4_v3, but gpu is"),
        (compute(tier="LowPriority"), "AML_TIER is Dedicated, but gpu is of LowPriority"),
        (compute(nodes=2), "AML_NODES_MAX is 4, but it has 2 at most"),
        (404, "gpu is not there"),
    ],
)
def test_the_compute_target_must_be_what_the_settings_say(
    find: Callable[[str], Finding], azure: dict[str, Any], resource: Any, finding: str
) -> None:
    azure[f"{WORKSPACE}/computes/gpu"] = resource
    assert find("compute target").detail.startswith(finding)


@pytest.mark.parametrize(("cores", "state"), [(16, "ok"), (15, "wrong"), (None, "unknown")])
def test_quota_must_be_enough_for_all_nodes(
    find: Callable[[str], Finding], azure: dict[str, Any], cores: int | None, state: str
) -> None:
    families = {"standardNCADSA100v4Family": 0, "standardNCASv3_T4Family": cores}
    azure[f"{WORKSPACE}/computes/gpu"] = compute()
    azure[f"{LOCATION}/usages"] = {
        "value": [
            {"name": {"value": name}, "limit": limit}
            for name, limit in families.items()
            if limit is not None
        ]
    }
    assert find("quota").state == state


@pytest.mark.parametrize(
    ("videos", "styles", "state"),
    [
        ("Succeeded", "Succeeded", "ok"),
        ("Failed", "Succeeded", "wrong"),
        ("Succeeded", None, "wrong"),
    ],
)
def test_somebody_must_be_told_of_uploads(
    find: Callable[[str], Finding],
    azure: dict[str, Any],
    configure: Callable[..., None],
    videos: str,
    styles: str | None,
    state: str,
) -> None:
    configure(DATA="", DATA__blobServiceUri="https://stdata.blob.core.windows.net/")
    azure[EVENTS] = {
        "value": [
            {
                "properties": {
                    "provisioningState": provisioning,
                    "filter": {
                        "subjectBeginsWith": f"/blobServices/default/containers/{container}/"
                    },
                }
            }
            for container, provisioning in (("videos", videos), ("styles", styles))
            if provisioning
        ]
    }
    assert find("upload events").state == state


def test_what_may_not_be_read_is_unknown(
    find: Callable[[str], Finding], azure: dict[str, Any], configure: Callable[..., None]
) -> None:
    configure(DATA="", DATA__blobServiceUri="https://stdata.blob.core.windows.net/")
    azure[EVENTS] = 403
    finding = find("upload events")
    assert (finding.state, finding.detail) == ("unknown", "subscriptions may not be read")
    assert "--as-me" in finding.advice


def test_as_me_forgets_the_apps_identities(
    configure: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(AML_CLIENT_ID="app", JOBS__clientId="app")
    monkeypatch.setattr(doctor, "CHECKS", ())
    assert doctor.main(["--as-me"]) == 0
    assert doctor.settings().aml_client_id == doctor.settings().jobs.client_id == ""
