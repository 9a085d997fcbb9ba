"""host.json: what an app asks of its host, and the app settings that win over it."""

import json
import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

_OVERRIDE = "AzureFunctionsJobHost__"


def extension(root: Path, name: str, settings: Mapping[str, str] = os.environ) -> Mapping[str, Any]:
    """Return the settings of an extension in an app's host.json, if there are any.

    An app setting such as `AzureFunctionsJobHost__extensions__durableTask__defaultVersion` wins:
    https://learn.microsoft.com/azure/azure-functions/functions-host-json#override-hostjson-values

    Args:
        root: Folder of the app.
        name: Of the extension, such as "durableTask".
        settings: App settings.
    """
    file = root / "host.json"
    content: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    for setting, value in settings.items():
        if setting.startswith(_OVERRIDE):
            *way, last = setting.removeprefix(_OVERRIDE).split("__")
            place = content
            for part in way:
                place = place.setdefault(part, {})
            place[last] = value
    return content.get("extensions", {}).get(name, {})


def time_span(text: str) -> timedelta:
    """Read a length of time as host.json has it: `hh:mm:ss`.

    Raises:
        ValueError: It is none.
    """
    hours, minutes, seconds = text.split(":")
    return timedelta(hours=int(hours), minutes=int(minutes), seconds=float(seconds))
