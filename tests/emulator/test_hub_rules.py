"""What host.json says of the task hub is read as Azure reads it."""

import pytest

from emulator.hub_rules import HubRules


@pytest.mark.parametrize(
    ("version", "host", "match", "runs"),
    [
        ("2", "2", "CurrentOrOlder", True),
        ("1", "2", "CurrentOrOlder", True),
        (None, "2", "CurrentOrOlder", True),
        ("3", "2", "CurrentOrOlder", False),
        ("2", "", "CurrentOrOlder", False),
        ("1.10", "1.9", "CurrentOrOlder", False),
        ("1.9", "1.10", "CurrentOrOlder", True),
        ("10", "9", "CurrentOrOlder", True),  # no version numbers to .NET, so texts
        ("1", "2", "Strict", False),
        ("3", "2", "None", True),
    ],
)
def test_a_host_takes_its_own_version_and_older_ones(
    version: str | None, host: str, match: str, runs: bool
):
    settings = {"defaultVersion": host, "versionMatchStrategy": match}
    assert HubRules.of(settings).takes(version) is runs


def test_what_host_json_may_ask_for_and_this_host_does_not_do_is_refused():
    with pytest.raises(ValueError, match="versionFailureStrategy Fail is not supported"):
        HubRules.of({"versionFailureStrategy": "Fail"})
