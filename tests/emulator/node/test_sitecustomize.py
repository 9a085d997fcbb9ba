"""What a job's own Python processes import first."""

import os
import subprocess
import sys
from pathlib import Path

from emulator.jobs import NODE

JOB = """
import sys, time
from pathlib import Path

time.sleep = lambda seconds: print("lingers", seconds)
for path in map(Path, sys.argv[1:]):
    print(path.name)
    path.write_text("content")
    path.read_text()
"""


def test_only_a_new_file_in_a_slow_output_takes_its_time(tmp_path: Path):
    outputs = tmp_path / "outputs"
    outputs.mkdir()
    (old := outputs / "old").touch()
    files = (old, outputs / "new", outputs / "new", tmp_path / "elsewhere")
    own = {"PYTHONPATH": str(NODE), "EMULATOR_OUTPUTS": str(outputs)}
    said = {
        seconds: subprocess.check_output(
            [sys.executable, "-c", JOB, *files],
            env=os.environ | own | {"EMULATOR_FILE_SECONDS": seconds},
            text=True,
        ).split("\n")[:-1]
        for seconds in ("2.5", "0.0")
    }
    assert said["2.5"] == ["old", "new", "lingers 2.5", "new", "elsewhere"]
    assert said["0.0"] == ["old", "new", "new", "elsewhere"]
