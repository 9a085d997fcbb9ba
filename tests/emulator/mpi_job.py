"""What the tests submit: an MPI program that does what its arguments say, in their order.

copy NAME      rank r writes its r-th copy of the input file to NAME.r
write NAME TEXT, rename OLD NEW, append NAME TEXT, remove NAME   rank 0 changes the output folder,
               and prints what is refused
list           rank 0 prints the names in the output folder
chatter NAME   rank 0 prints lines without end until the output folder's parent holds the file NAME
env NAME       rank 0 prints an environment variable
await NAME     every rank waits until the output folder's parent holds the file NAME
exit STATUS    every rank ends with STATUS
"""

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from mpi4py import MPI


def main(source: Path, out: Path, *words: str) -> None:
    rank = MPI.COMM_WORLD.Get_rank()
    script = iter(words)
    for verb in script:
        if verb == "copy":
            (out / f"{next(script)}.{rank}").write_bytes(source.read_bytes())
        elif verb == "await":
            wait_for(out.parent / next(script))
        elif verb == "exit":
            sys.exit(int(next(script)))
        else:
            alone(verb, script, out, rank)


def alone(verb: str, script: Iterator[str], out: Path, rank: int) -> None:
    """Do what only rank 0 does; the others skip it, arguments included."""
    words = {"write": 2, "rename": 2, "append": 2, "list": 0}.get(verb, 1)
    arguments = [next(script) for _ in range(words)]
    if rank != 0:
        return
    match verb, arguments:
        case "write", [name, text]:
            (out / name).write_text(text)
        case "rename", [old, new]:
            refused(lambda: (out / old).rename(out / new))
        case "append", [name, text]:
            refused(lambda: (out / name).open("a").write(text))
        case "remove", [name]:
            (out / name).unlink()
        case "list", []:
            print("list", sorted(file.name for file in out.iterdir()), flush=True)
        case "chatter", [name]:
            while not (out.parent / name).exists():
                print("x" * 1000, flush=True)
                time.sleep(0.001)
        case "env", [name]:
            print(f"{name}={os.environ[name]}", flush=True)
        case _:
            raise ValueError(verb)


def refused(deed: Callable[[], object]) -> None:
    try:
        deed()
    except OSError as error:
        print("refused", error.strerror, flush=True)


def wait_for(file: Path) -> None:
    while not file.exists():
        time.sleep(0.02)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
