"""Planted bugs: proof that the trials would find them.

Each takes one defence out of a copy of the project, and names the strikes that need it.

    python -m chaos --plant verify
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from chaos.schedule import Schedule, Strike
from emulator.config import PROJECT_ROOT


@dataclass(frozen=True, slots=True)
class Plant:
    """A bug.

    Attributes:
        file: in which it is planted.
        sound: lines as they are.
        buggy: lines in their place.
        schedules: that must find it.
    """

    file: str
    sound: str
    buggy: str
    schedules: tuple[Schedule, ...]


PLANTS = {
    "verify": Plant(
        "function_app/stages/stitch.py",
        "    if seal(plan, shard, content) != reader.read(SEAL_BYTES):\n",
        "    if not seal(plan, shard, content):\n",
        (Schedule(0, "sound.mp4", (Strike("shards exchanged", "join", 1),)),),
    ),
    "seal": Plant(
        "gpu_worker/files.py",
        "        file.write(content)\n        file.write(proof)\n",
        "        file.seek(len(content))\n"
        "        file.write(proof)\n"
        "        file.flush()\n"
        '        __import__("time").sleep(1)\n'
        "        file.seek(0)\n"
        "        file.write(content)\n",
        (Schedule(0, "sound.mp4", (Strike("nodes taken away, run fails", "paint", 1),)),),
    ),
    "commit": Plant(
        "function_app/store/storage.py",
        "        self._staged_bytes += len(content)\n",
        "        self._staged_bytes += len(content)\n"
        "        self._client.commit_block_list(self._staged)\n",
        (Schedule(0, "sound.mp4", (Strike("kill the child that reads", "commit", 1),)),),
    ),
    "edit": Plant(
        "function_app/media/join.py",
        "            packet.duration = ends[frame] - pts[frame]\n",
        "            packet.duration = 1\n",
        (Schedule(0, "sound.mp4", (Strike("event again", "end", 1),)),),
    ),
    "dedupe": Plant(
        "function_app/triggers.py",
        "            reuse_id_policy=_KEEP,\n",
        "            reuse_id_policy=pb.OrchestrationIdReusePolicy(\n"
        "                replaceableStatus=[pb.ORCHESTRATION_STATUS_COMPLETED]\n"
        "            ),\n",
        (Schedule(0, "sound.mp4", (Strike("event again", "end", 1),)),),
    ),
    "missed": Plant(
        "function_app/app.py",
        "(triggers, missed, ",
        "(triggers, ",
        (Schedule(0, "sound.mp4", (Strike("event lost", "upload", 1),)),),
    ),
    "version": Plant(
        "host.json", '      "defaultVersion": "3",\n', "", (Schedule(0, "sound.mp4", ()),)
    ),
}


def plant(name: str, folder: Path) -> None:
    """Copy the project to a folder, with a bug in it.

    Raises:
        ValueError: the lines to be replaced are not there any more.
    """
    listed = subprocess.check_output(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT_ROOT,
        text=True,
    )
    for file in filter(lambda name: (PROJECT_ROOT / name).is_file(), listed.splitlines()):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT_ROOT / file, folder / file)
    for shared in (".venv", "node_modules"):
        (folder / shared).symlink_to((PROJECT_ROOT / shared).resolve())
    bug = PLANTS[name]
    target = folder / bug.file
    text = target.read_text()
    if text.count(bug.sound) != 1:
        raise ValueError(f"{bug.file} has no such lines, or several: {bug.sound!r}")
    target.write_text(text.replace(bug.sound, bug.buggy))
