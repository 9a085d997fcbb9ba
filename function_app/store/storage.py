"""Blob storage: clients, small blobs, what lies below a prefix, and URLs that grant one blob."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from http import HTTPStatus
from itertools import batched
from typing import Any
from urllib.parse import quote

from azure.core import MatchConditions
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import (
    BlobClient,
    BlobProperties,
    BlobSasPermissions,
    BlobServiceClient,
    ContainerClient,
    ContentSettings,
    ExponentialRetry,
    generate_blob_sas,
)

from function_app.host.identity import identity
from function_app.settings import Connection, settings
from function_app.store import paths

MOST_IN_BATCH = 256


def container(name: str) -> ContainerClient:
    """Return the client of one of the app's containers.

    Raises:
        SettingsError: its account is not set.
    """
    return _account(name).get_container_client(name)


def blob(container_name: str, blob_name: str) -> BlobClient:
    """Return the client of one blob, whether it exists or not."""
    return container(container_name).get_blob_client(blob_name)


def read(container_name: str, blob_name: str) -> bytes | None:
    """Return a small blob's content, or None where there is none."""
    found = read_dated(container_name, blob_name)
    return found and found[0]


def read_dated(container_name: str, blob_name: str) -> tuple[bytes, datetime] | None:
    """Return a small blob's content and when it was written, or None where there is none."""
    try:
        download = blob(container_name, blob_name).download_blob()
        return download.readall(), download.properties.last_modified
    except ResourceNotFoundError:
        return None


def metadata(container_name: str, blob_name: str) -> dict[str, str]:
    """Return what is kept with a blob, nothing where there is none."""
    try:
        return dict(blob(container_name, blob_name).get_blob_properties().metadata)
    except ResourceNotFoundError:
        return {}


def write(
    container_name: str,
    blob_name: str,
    content: bytes | str,
    content_type: str,
    metadata: dict[str, str] | None = None,
) -> None:
    """Write a small blob at once, over what was there."""
    blob(container_name, blob_name).upload_blob(
        content,
        overwrite=True,
        content_settings=ContentSettings(content_type=content_type),
        metadata=metadata,
    )


def names(container_name: str, prefix: str) -> Iterator[str]:
    """Yield the names of the blobs below a prefix."""
    yield from container(container_name).list_blob_names(name_starts_with=prefix)


def folders(container_name: str) -> Iterator[str]:
    """Yield the names of a container's topmost folders."""
    for item in container(container_name).walk_blobs(delimiter="/"):
        if item.name.endswith("/"):
            yield item.name.rstrip("/")


def delete(container_name: str, blob_name: str) -> None:
    """Delete one blob, with its snapshots; one that is gone already does not matter."""
    try:
        blob(container_name, blob_name).delete_blob(delete_snapshots="include")
    except ResourceNotFoundError:
        return


def delete_all(container_name: str, prefix: str) -> None:
    """Delete the blobs below a prefix; those that are gone already do not matter."""
    for group in batched(names(container_name, prefix), MOST_IN_BATCH):
        answers = container(container_name).delete_blobs(
            *group, delete_snapshots="include", raise_on_any_failure=False
        )
        # What the batch could not delete is tried by itself, which says why it cannot be.
        for name, answer in zip(group, answers, strict=True):
            if answer.status_code not in (HTTPStatus.ACCEPTED, HTTPStatus.NOT_FOUND):
                delete(container_name, name)


def signed_url(
    client: BlobClient,
    permission: BlobSasPermissions,
    lifetime: timedelta,
    save_as: str | None = None,
) -> str:
    """Return a URL that grants a permission on exactly one blob for a while.

    Signed with the account's key where the connection has one (Azurite), else with a user
    delegation key, which the app's identity may ask for.

    Args:
        client: of the blob.
        permission: what the URL may be used for.
        lifetime: how long.
        save_as: file name under which browsers save what they read; None lets them show it.
    """
    start = datetime.now(UTC) - timedelta(minutes=5)
    expiry = datetime.now(UTC) + lifetime
    key = getattr(client.credential, "account_key", None)
    delegation = (
        None if key else _account(client.container_name).get_user_delegation_key(start, expiry)
    )
    token = generate_blob_sas(
        str(client.account_name),
        client.container_name,
        client.blob_name,
        account_key=key,
        user_delegation_key=delegation,
        permission=permission,
        start=start,
        expiry=expiry,
        content_disposition=save_as and f"attachment; filename*=UTF-8''{quote(save_as)}",
    )
    return f"{client.url}?{token}"


def unchanged(before: BlobProperties | None) -> dict[str, Any]:
    """Return the condition that a blob is still what it was, or still not there."""
    if before is None:
        return {"match_condition": MatchConditions.IfMissing}
    return {"match_condition": MatchConditions.IfNotModified, "etag": before.etag}


@cache
def _service(connection: Connection) -> BlobServiceClient:
    # The library's own waits 15 s before the second try: most troubles of storage are over sooner.
    retry = ExponentialRetry(initial_backoff=1, increment_base=2, retry_total=5)
    if connection.connection_string:
        return BlobServiceClient.from_connection_string(
            connection.connection_string, retry_policy=retry
        )
    return BlobServiceClient(
        connection.blob_service_uri,
        credential=identity(connection.client_id),
        retry_policy=retry,
    )


def _account(container_name: str) -> BlobServiceClient:
    mine = container_name in {paths.JOBS, paths.SPEND}
    return _service(settings().jobs if mine else settings().data)
