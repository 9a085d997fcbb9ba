"""A company's proxy is asked for nothing that runs on this machine."""

import os
from urllib.request import proxy_bypass, proxy_bypass_environment

import pytest

from cli import network
from emulator import loopback


@pytest.mark.parametrize("module", [loopback, network])
@pytest.mark.parametrize("said", ["NO_PROXY", "no_proxy"])
def test_what_is_spared_under_one_name_is_spared_under_both(
    module: object, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv(said, "one.example, two.example")
    module.spare_loopback()  # type: ignore[attr-defined]
    for host in ("one.example", "two.example", "127.0.0.1"):
        assert proxy_bypass(host)
    assert not proxy_bypass("three.example")
    monkeypatch.setenv(said, "*")
    module.spare_loopback()  # type: ignore[attr-defined]
    assert proxy_bypass("three.example")


@pytest.mark.parametrize("module", [loopback, network])
def test_no_proxy_is_asked_for_this_machine(
    module: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "intern.example")
    monkeypatch.setenv("no_proxy", "")
    for _ in range(2):
        module.spare_loopback()  # type: ignore[attr-defined]
    for name in ("NO_PROXY", "no_proxy"):
        hosts = os.environ[name].split(",")
        assert len(hosts) == len(set(hosts))
        assert {"127.0.0.1", "localhost"} <= set(hosts)
        assert proxy_bypass_environment("127.0.0.1:7071", {"no": os.environ[name]})
    assert "intern.example" in os.environ["NO_PROXY"]
