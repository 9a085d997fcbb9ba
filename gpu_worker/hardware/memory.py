"""Memory that is freed stays with the process, for the next frame.

A layer's output is tens of megabytes, freed as soon as the next layer has it. glibc gives so large
a piece back to the system at once, and then gets it anew, page by page, each cleared by the kernel.
"""

import ctypes
import platform
from typing import Final

_TRIM_THRESHOLD: Final = -1
_MMAP_MAX: Final = -4
_ARENA_MAX: Final = -8
"""Parameters of mallopt(3), as malloc.h numbers them."""
_NEVER: Final = 2**31 - 1


def keep_freed() -> None:
    """Have the C library keep what is freed; one that is not glibc is left as it is."""
    if platform.libc_ver()[0] != "glibc":
        return
    mallopt = ctypes.CDLL(None).mallopt
    mallopt(_TRIM_THRESHOLD, _NEVER)
    mallopt(_MMAP_MAX, 0)
    # Threads' own arenas are small, and given back whole.
    mallopt(_ARENA_MAX, 1)
