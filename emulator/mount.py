"""Azure ML's datastore mounts: blobs as files on disk, files as blobs.

A datastore has the name of its container. An input is brought to disk before the job
starts. An output is a folder that begins with what its path holds already and whose files
are written back while the job runs; a file that did not change is not written again.
Names that end in `.part` are work in progress and stay on the node until renamed.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Self

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobServiceClient, ContainerClient

_URI = re.compile(
    r"azureml://(?:subscriptions/[^/]+/resource[gG]roups/[^/]+/workspaces/[^/]+/)?"
    r"datastores/(?P<datastore>[^/]+)/paths/(?P<path>.+)",
    re.DOTALL,
)

type Stamp = tuple[int, int, int]
"""Inode, size (bytes) and modification time (ns) of a file: what tells that it changed."""


class MountError(Exception):
    """An input or output cannot be brought to disk; the message says which and why."""


@dataclass(frozen=True, slots=True)
class DatastorePath:
    """A path in a datastore, such as `azureml://datastores/videos/paths/mosaic/a b.mp4`."""

    datastore: str
    path: str

    @classmethod
    def parse(cls, uri: str) -> Self:
        """Read an `azureml://` address.

        Raises:
            MountError: It is not the address of a path in a datastore.
        """
        match = _URI.fullmatch(uri)
        if match is None:
            raise MountError(f"'{uri}' is not azureml://datastores/<name>/paths/<path>.")
        return cls(match["datastore"], match["path"])

    @property
    def prefix(self) -> str:
        """What the names of all blobs below this path begin with."""
        return self.path.rstrip("/") + "/"


def bring_file(storage: BlobServiceClient, source: DatastorePath, folder: Path) -> Path:
    """Copy one blob into `folder` under its own base name and return the file's path.

    Raises:
        MountError: There is no such blob.
    """
    container = storage.get_container_client(source.datastore)
    return _download(container, source.path, _inside(folder, PurePosixPath(source.path).name))


def bring_folder(storage: BlobServiceClient, source: DatastorePath, folder: Path) -> Path:
    """Copy every blob below `source` into `folder` and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    container = storage.get_container_client(source.datastore)
    for name in container.list_blob_names(name_starts_with=source.prefix):
        _download(container, name, _inside(folder, name.removeprefix(source.prefix)))
    return folder


class OutputMount:
    """A folder whose files are written back to a datastore path."""

    def __init__(self, storage: BlobServiceClient, target: DatastorePath, folder: Path) -> None:
        """Fill `folder` with what `target` holds already."""
        self._container = storage.get_container_client(target.datastore)
        self._prefix = target.prefix
        self.folder = bring_folder(storage, target, folder)
        self._written = self._look()

    def write_back(self) -> None:
        """Upload what is new or changed since the last call; remove what is gone."""
        present = self._look()
        for name, stamp in present.items():
            if self._written.get(name) != stamp:
                self._upload(name, stamp)
        for name in self._written.keys() - present.keys():
            self._remove(name)

    def _look(self) -> dict[str, Stamp]:
        """Return the stamp of each file by its name relative to the folder."""
        found: dict[str, Stamp] = {}
        for folder, _, names in os.walk(self.folder):
            for file in (Path(folder, name) for name in names if not name.endswith(".part")):
                try:
                    stat = file.stat()
                except FileNotFoundError:
                    continue  # renamed or removed since it was listed
                name = file.relative_to(self.folder).as_posix()
                found[name] = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
        return found

    def _upload(self, name: str, stamp: Stamp) -> None:
        try:
            with (self.folder / name).open("rb") as file:
                self._container.upload_blob(self._prefix + name, file, overwrite=True)
        except FileNotFoundError:
            return  # renamed or removed since it was listed: the next look sees it
        self._written[name] = stamp

    def _remove(self, name: str) -> None:
        del self._written[name]
        try:
            self._container.delete_blob(self._prefix + name)
        except ResourceNotFoundError:
            return


def _inside(folder: Path, name: str) -> Path:
    """Return the file that `name` means in `folder`; never one outside it."""
    file = (folder / name).resolve()
    if not name or file == folder.resolve() or not file.is_relative_to(folder.resolve()):
        raise MountError(f"The blob name '{name}' leads out of the mounted folder.")
    return file


def _download(container: ContainerClient, name: str, file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        with file.open("wb") as target:
            container.download_blob(name).readinto(target)
    except ResourceNotFoundError as error:
        raise MountError(f"There is no blob '{name}' in '{container.container_name}'.") from error
    return file
