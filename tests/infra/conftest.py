"""The compiler, what it makes of the templates, and what they would deploy: each once a session."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.infra.compiler import INFRA, REQUIRED, Compiled, Compiler, Deployment, find

CLUSTER = (
    "/subscriptions/00000000-0000-0000-0000-0000000000aa/resourceGroups/rg-k8s"
    "/providers/Microsoft.ContainerService/managedClusters/painters"
)
APPLICATION = "00000000-0000-0000-0000-0000000000dd"
VARIANTS = {
    "default": {},
    "private": {"privateNetwork": True, "clientAddresses": "203.0.113.7, 198.51.100.0/24"},
    "kubernetes": {"kubernetesClusterId": CLUSTER},
    "watched": {
        "budgetPerMonth": 100,
        "budgetStart": "2026-01-01",
        "alertEmail": "owner@example.com",
    },
    "scheduler": {"durableTaskScheduler": True},
    "signin": {"signInClientId": APPLICATION, "apiKeys": False},
}
"""Deployments that differ in what they deploy, by the parameters given."""


@pytest.fixture(scope="session")
def compiler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compiler]:
    program = find()
    if program is None:
        pytest.skip("no Bicep compiler in BICEP, on PATH or beside the checkout")
    with Compiler(program, tmp_path_factory.mktemp("bicep")) as running:
        yield running


@pytest.fixture(scope="session")
def main(compiler: Compiler) -> Compiled:
    return compiler.compile(INFRA / "main.bicep")


@pytest.fixture(scope="session")
def events(compiler: Compiler) -> Compiled:
    return compiler.compile(INFRA / "events.bicep")


@pytest.fixture(scope="session")
def deploy(compiler: Compiler) -> Callable[..., Deployment]:
    """Return what main.bicep deploys by parameters beside the required ones."""
    known: dict[str, Deployment] = {}

    def deploy(**given: Any) -> Deployment:
        key = json.dumps(given, sort_keys=True)
        if key not in known:
            known[key] = compiler.deploy(REQUIRED | given, INFRA / "main.bicep")
        return known[key]

    return deploy


@pytest.fixture(scope="session")
def deployed(deploy: Callable[..., Deployment]) -> Callable[[str], Deployment]:
    """Return what a variant deploys."""
    return lambda variant: deploy(**VARIANTS[variant])


@pytest.fixture(params=VARIANTS)
def variant(request: pytest.FixtureRequest, deployed: Callable[[str], Deployment]) -> Deployment:
    return deployed(request.param)


@pytest.fixture
def default(deployed: Callable[[str], Deployment]) -> Deployment:
    return deployed("default")
