"""host.json: what an app asks of its host."""

import json
from pathlib import Path
from typing import Any


def extension(root: Path, name: str) -> dict[str, Any]:
    """Return the settings of an extension in an app's host.json, if there are any.

    Args:
        root: Folder of the app.
        name: Of the extension, such as "durableTask".
    """
    file = root / "host.json"
    settings: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    return settings.get("extensions", {}).get(name, {})
