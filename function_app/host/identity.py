"""By which identity the app reaches Azure: the one that its settings name, and no secret."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential


@cache
def identity(client_id: str) -> TokenCredential:
    """Return a user-assigned managed identity, or where none is named whoever is signed in.

    A named identity is the only one that is tried: guessing on would take seconds, and would hide
    that it has no rights behind the rights of somebody else.

    Args:
        client_id: of the managed identity; empty for none.
    """
    from azure.identity import DefaultAzureCredential, ManagedIdentityCredential

    if client_id:
        return ManagedIdentityCredential(client_id=client_id)
    return DefaultAzureCredential()
