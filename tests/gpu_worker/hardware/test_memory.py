"""Memory stays: what was freed is there at once the next time."""

import platform
import subprocess
import sys

import pytest

from gpu_worker.hardware import memory

SCRIPT = """
import resource, sys, threading
from gpu_worker.hardware import memory

if sys.argv[1] == "keep":
    memory.keep_freed()

def frames():
    for _ in range(20):
        layer = bytearray(40_000_000)
        layer[::4096] = bytes(len(layer[::4096]))
        del layer

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    thread = threading.Thread(target=frames)
    thread.start()
    thread.join()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults()
print(faults())
"""

glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="no glibc")


@glibc
def test_what_is_freed_is_kept_by_threads_too() -> None:
    assert _page_faults("keep") < 1000


@glibc
def test_what_is_freed_goes_back_unless_told_otherwise() -> None:
    assert _page_faults("leave") > 10 * 1000


def test_another_library_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    monkeypatch.setattr("ctypes.CDLL", None)
    memory.keep_freed()


def _page_faults(way: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, way], capture_output=True, text=True, check=True
    )
    return int(done.stdout)
