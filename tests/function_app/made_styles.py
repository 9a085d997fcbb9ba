"""Style files as far as the function app reads them: a header, and bytes as it promises."""

import json
from typing import Any


def style_file(content: bytes = b"weights!", **metadata: str) -> bytes:
    """Return a .safetensors file of one tensor."""
    tensor = {"dtype": "U8", "shape": [len(content)], "data_offsets": [0, len(content)]}
    return safetensors({"__metadata__": {"format_version": "1"} | metadata, "a": tensor}) + content


def safetensors(header: Any) -> bytes:
    """Return the beginning of a .safetensors file with whatever header."""
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text
