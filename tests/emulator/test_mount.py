"""Datastore paths as files on disk."""

from pathlib import Path

import pytest
from azure.storage.blob import BlobServiceClient
from hypothesis import example, given
from hypothesis import strategies as st

from emulator.mount import DatastorePath, MountError, bring_file

WORKSPACE = "subscriptions/s/resourcegroups/g/workspaces/w/"


@pytest.mark.parametrize("workspace", ["", WORKSPACE])
@given(datastore=st.from_regex(r"[a-z0-9]+", fullmatch=True), path=st.text(min_size=1))
@example(datastore="videos", path="a/datastores/jobs/paths/b")
def test_an_address_is_read_back(workspace: str, datastore: str, path: str):
    address = f"azureml://{workspace}datastores/{datastore}/paths/{path}"
    assert DatastorePath.parse(address) == DatastorePath(datastore, path)


@pytest.mark.parametrize(
    "address", ["", "https://host/path", "azureml://videos/paths/a", "azureml://datastores/a/b"]
)
def test_anything_else_is_refused(address: str):
    with pytest.raises(MountError, match="is not azureml://datastores/"):
        DatastorePath.parse(address)


@pytest.mark.parametrize("path", ["..", "a/..", "a/../.."])
def test_a_name_never_leads_out_of_the_folder(
    storage: BlobServiceClient, tmp_path: Path, path: str
):
    with pytest.raises(MountError, match="leads out of the mounted folder"):
        bring_file(storage, DatastorePath("videos", path), tmp_path / "inputs")
