"""Settings from the environment: what is read, what has a default, what is refused."""

import dataclasses

import pytest

from function_app.errors import SettingsError
from function_app.gpus import NODES
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

SKU = "Standard_NC4as_T4_v3"
LOW_PRIORITY_PRICE = NODES[SKU].dollars_low_priority


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


@pytest.mark.parametrize("variable", sorted(NEEDED.keys() - {"JOBS__clientId"}))
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
        ("AML_TIER", "Spot", "must be one of Dedicated, LowPriority"),
        ("AML_SKU", "Standard_NC6", "must be one of Standard_NC4as_T4_v3, "),
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
    chosen = {
        "AML_SKU": "Standard_NC24ads_A100_v4",
        "AML_TIER": "LowPriority",
        "ENCODER": "h264_nvenc",
    }
    assert chosen.keys() <= numbers.keys()
    read = Settings.read(NEEDED | dict.fromkeys(numbers, "7") | chosen)
    for variable, name in numbers.items():
        assert str(getattr(read, name)).removesuffix(".0") == chosen.get(variable, "7")


@pytest.mark.parametrize(
    ("changes", "rate", "price"),
    [
        ({}, 60.0, None),
        ({"AML_SKU": SKU}, NODES[SKU].rate, NODES[SKU].dollars),
        ({"AML_SKU": SKU, "AML_TIER": "LowPriority"}, NODES[SKU].rate, LOW_PRIORITY_PRICE),
        ({"AML_SKU": SKU, "MEGAPIXELS_PER_SECOND": "9"}, 9.0, NODES[SKU].dollars),
        ({"AML_SKU": SKU, "NODE_PRICE_PER_HOUR": "3"}, NODES[SKU].rate, 3.0),
        ({"AML_SKU": SKU, "PRICE_CURRENCY": "EUR"}, NODES[SKU].rate, None),
        ({"NODE_PRICE_PER_HOUR": "3", "PRICE_CURRENCY": "EUR"}, 60.0, 3.0),
    ],
)
def test_rate_and_price_are_what_is_set_or_what_the_table_of_nodes_says(
    changes: dict[str, str], rate: float, price: float | None
) -> None:
    read = Settings.read(NEEDED | changes)
    assert (read.rate, read.price) == (rate, price)


@pytest.mark.parametrize("variable", ["MAX_COST_PER_JOB", "MAX_COST_PER_DAY"])
def test_a_limit_of_cost_needs_a_price(variable: str) -> None:
    with pytest.raises(SettingsError, match=r"^NODE_PRICE_PER_HOUR is not set"):
        Settings.read(NEEDED | {variable: "5"})
    assert Settings.read(NEEDED | {variable: "5", "NODE_PRICE_PER_HOUR": "1"}).price == 1.0


def test_settings_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLL_SECONDS", "3")
    first = settings()
    monkeypatch.setenv("POLL_SECONDS", "4")
    assert first.poll_seconds == 3
    assert settings() is first
