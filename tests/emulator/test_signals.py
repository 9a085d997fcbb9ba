"""Whatever signal ends a program that runs an emulator, its contexts are left."""

import signal
import subprocess
import sys

import pytest

PROGRAM = """
import signal
from emulator.signals import end_as_interrupts

signal.signal(signal.SIGINT, signal.SIG_IGN)
end_as_interrupts()
try:
    print("ready", flush=True)
    signal.pause()
finally:
    print("left")
"""


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_contexts_are_left(ending: signal.Signals) -> None:
    command = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        process.send_signal(ending)
        said, errors = process.communicate()
    assert said == "left\n"
    assert errors.endswith("KeyboardInterrupt\n")
