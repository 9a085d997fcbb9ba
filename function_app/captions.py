"""Closed captions (CEA-608, CEA-708), which lie within the coded pictures and go with them."""

from __future__ import annotations

from typing import Any

from av.packet import Packet

# ATSC A/53 part 4, 6.2.3: "GA94", and the type of what follows, in H.264, H.265 and MPEG-2 alike.
_IDENTIFIER = b"GA94\x03"
_COUNT, _VALID, _TYPE, _CHARACTERS = 0x1F, 0x04, 0x03, 0x7F
_LINE_21 = (0, 1)
NOTE = "closed captions (CEA-608 or 708) within the picture are not kept"


class Captions:
    """Watches the packets of a picture for captions.

    Attributes:
        found: whether there are any, beyond the padding that many encoders write.
    """

    def __init__(self) -> None:
        """Have seen nothing yet."""
        self.found = False

    def add(self, packet: Packet[Any]) -> None:
        """Look at one packet."""
        self.found = self.found or has_captions(bytes(packet))

    @property
    def notes(self) -> list[str]:
        """Say that they are not kept, if there are any."""
        return [NOTE] if self.found else []


def has_captions(content: bytes) -> bool:
    """Whether a coded picture holds captions, not padding alone."""
    at = content.find(_IDENTIFIER)
    while at >= 0:
        at += len(_IDENTIFIER)
        count = content[at] & _COUNT if at < len(content) else 0
        triplets = (content[each : each + 3] for each in range(at + 2, at + 2 + 3 * count, 3))
        if any(len(each) == 3 and _is_shown(*each) for each in triplets):
            return True
        at = content.find(_IDENTIFIER, at)
    return False


def _is_shown(head: int, first: int, second: int) -> bool:
    if not head & _VALID:
        return False
    return head & _TYPE not in _LINE_21 or bool((first | second) & _CHARACTERS)
