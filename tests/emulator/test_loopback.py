"""A company's proxy is asked for nothing that runs on this machine."""

import os
from urllib.request import proxy_bypass_environment

import pytest

from cli import network
from emulator import loopback


@pytest.mark.parametrize("module", [loopback, network])
def test_no_proxy_is_asked_for_this_machine(
    module: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "intern.example")
    monkeypatch.delenv("no_proxy", raising=False)
    for _ in range(2):
        module.spare_loopback()  # type: ignore[attr-defined]
    for name in ("NO_PROXY", "no_proxy"):
        hosts = os.environ[name].split(",")
        assert len(hosts) == len(set(hosts))
        assert {"127.0.0.1", "localhost"} <= set(hosts)
        assert proxy_bypass_environment("127.0.0.1:7071", {"no": os.environ[name]})
    assert "intern.example" in os.environ["NO_PROXY"]
