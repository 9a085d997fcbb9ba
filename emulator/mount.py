"""Azure ML's datastore mounts: blobs as files on disk, files as blobs.

A datastore has the name of its container. An input is brought to disk before the job
starts. An output is a folder that begins with what its path holds already and whose files
are written back while the job runs; a file that did not change is not written again.

The manners are those of Azure ML's mount: a file is seen late, and in pieces, its beginning first;
what is written back after the processes have ended is so only until a time limit; what a lost node
has not written back is lost. Renames and appends are refused by `emulator/node/sitecustomize.py`.
"""

import os
import re
import time
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


FIRST_PIECE = 2**16
"""Bytes, at most, of a file's first half that are there before the whole is."""


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
        self._begun: dict[str, Stamp] = {}

    def write_back(self) -> None:
        """Upload a piece of what is new or changed since the last call; remove what is gone.

        The first piece of a file is its beginning, the second, if it is still the same, the whole.
        """
        present = self._look()
        for name, stamp in self._changed(present):
            if self._begun.get(name) == stamp:
                self._upload(name, stamp)
            else:
                self._upload(name, stamp, min(stamp[1] // 2, FIRST_PIECE))
        self._remove_absent(present)

    def flush(self, deadline: float) -> bool:
        """Upload the whole of what is new or changed, in the order in which it was written.

        Args:
            deadline: when to stop, whatever is left then, by `time.monotonic()`.

        Returns:
            Whether nothing is left.
        """
        present = self._look()
        for name, stamp in self._changed(present):
            if time.monotonic() > deadline:
                return False
            self._upload(name, stamp)
        self._remove_absent(present)
        return True

    def _changed(self, present: dict[str, Stamp]) -> list[tuple[str, Stamp]]:
        """Return what is to be uploaded, in the order in which it was written."""
        changed = [item for item in present.items() if self._written.get(item[0]) != item[1]]
        return sorted(changed, key=lambda item: item[1][2])

    def _look(self) -> dict[str, Stamp]:
        """Return the stamp of each file by its name relative to the folder."""
        found: dict[str, Stamp] = {}
        for folder, _, names in os.walk(self.folder):
            for file in (Path(folder, name) for name in names):
                try:
                    stat = file.stat()
                except FileNotFoundError:
                    continue  # removed since it was listed
                name = file.relative_to(self.folder).as_posix()
                found[name] = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
        return found

    def _upload(self, name: str, stamp: Stamp, length: int | None = None) -> None:
        """Upload a file, or its first `length` bytes."""
        try:
            with (self.folder / name).open("rb") as file:
                content = file if length is None else file.read(length)
                self._container.upload_blob(self._prefix + name, content, overwrite=True)
        except FileNotFoundError:
            return  # removed since it was listed: the next look sees it
        if length is None:
            self._written[name] = stamp
            self._begun.pop(name, None)
        else:
            self._begun[name] = stamp

    def _remove_absent(self, present: dict[str, Stamp]) -> None:
        for name in (self._written | self._begun).keys() - present.keys():
            self._remove(name)

    def _remove(self, name: str) -> None:
        self._written.pop(name, None)
        self._begun.pop(name, None)
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
