"""Settings from the environment: what is read, what has a default, what is refused."""

import dataclasses

import pytest

from function_app.errors import SettingsError
from function_app.settings import Connection, Settings, settings

NEEDED = {
    "DATA": "UseDevelopmentStorage=true",
    "JOBS__blobServiceUri": "https://jobs.example.net",
    "JOBS__clientId": "client",
    "AML_SUBSCRIPTION_ID": "subscription",
    "AML_RESOURCE_GROUP": "group",
    "AML_WORKSPACE": "workspace",
    "AML_COMPUTE": "cluster",
}


def test_what_is_needed_suffices() -> None:
    read = Settings.read(NEEDED)
    assert read.data == Connection("DATA", connection_string="UseDevelopmentStorage=true")
    assert read.jobs == Connection(
        "JOBS", blob_service_uri="https://jobs.example.net", client_id="client"
    )
    assert (read.aml_environment, read.poll_seconds, read.max_frames) == (
        "gpu-worker:1",
        15.0,
        1_000_000,
    )


@pytest.mark.parametrize("variable", NEEDED.keys() - {"JOBS__clientId"})
def test_a_missing_variable_is_named(variable: str) -> None:
    rest = {name: value for name, value in NEEDED.items() if name != variable}
    with pytest.raises(SettingsError, match=f"^{variable.partition('__')[0]} is not set"):
        Settings.read(rest)


def test_an_empty_variable_counts_as_not_set() -> None:
    assert Settings.read(NEEDED | {"POLL_SECONDS": ""}).poll_seconds == 15.0
    with pytest.raises(SettingsError, match=r"^AML_COMPUTE is not set"):
        Settings.read(NEEDED | {"AML_COMPUTE": ""})


@pytest.mark.parametrize(
    ("variable", "text", "reason"),
    [
        ("AML_NODES_MAX", "many", "invalid literal"),
        ("AML_NODES_MAX", "0", "must be above zero"),
        ("MAX_BYTES", "-1", "must be above zero"),
        ("POLL_SECONDS", "1,5", "could not convert"),
        ("TARGET_MINUTES", "nan", "must be above zero"),
    ],
)
def test_an_unusable_value_is_named_with_its_reason(variable: str, text: str, reason: str) -> None:
    with pytest.raises(SettingsError, match=f"^{variable} is set to '{text}', .*{reason}"):
        Settings.read(NEEDED | {variable: text})


def test_every_value_can_be_set() -> None:
    numbers = {
        str(each.metadata["variable"]): each.name
        for each in dataclasses.fields(Settings)
        if "variable" in each.metadata and each.default is not dataclasses.MISSING
    }
    read = Settings.read(NEEDED | dict.fromkeys(numbers, "7"))
    assert {float(getattr(read, name)) for name in numbers.values()} == {7.0}


def test_settings_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLL_SECONDS", "3")
    first = settings()
    monkeypatch.setenv("POLL_SECONDS", "4")
    assert first.poll_seconds == 3
    assert settings() is first
