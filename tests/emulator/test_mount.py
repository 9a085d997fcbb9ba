"""Datastore paths as files on disk."""

import time
from pathlib import Path

import pytest
from azure.storage.blob import BlobServiceClient
from hypothesis import example, given
from hypothesis import strategies as st

from emulator.mount import DatastorePath, MountError, OutputMount, bring_file

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


def test_a_file_is_seen_late_and_in_pieces(storage: BlobServiceClient, tmp_path: Path):
    mount = OutputMount(storage, DatastorePath("jobs", "pieces/work"), tmp_path / "work")
    blob = storage.get_blob_client("jobs", "pieces/work/file")
    file = tmp_path / "work" / "file"
    file.write_bytes(b"first content")
    assert not blob.exists()
    mount.write_back()
    assert blob.download_blob().readall() == b"first "
    mount.write_back()
    assert blob.download_blob().readall() == b"first content"
    written = blob.get_blob_properties().etag
    mount.write_back()
    assert blob.get_blob_properties().etag == written
    file.write_bytes(b"second")
    mount.write_back()
    assert blob.download_blob().readall() == b"sec"
    file.unlink()
    mount.write_back()
    assert not blob.exists()


def test_a_flush_writes_the_whole_unless_its_time_is_over(
    storage: BlobServiceClient, tmp_path: Path
):
    mount = OutputMount(storage, DatastorePath("jobs", "flush/work"), tmp_path / "work")
    blob = storage.get_blob_client("jobs", "flush/work/file")
    (tmp_path / "work" / "file").write_bytes(b"content")
    assert not mount.flush(time.monotonic() - 1)
    assert not blob.exists()
    assert mount.flush(time.monotonic() + 60)
    assert blob.download_blob().readall() == b"content"
