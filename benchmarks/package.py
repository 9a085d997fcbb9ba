"""What is published as the function app: how large it is, and how long it takes to import.

    python -m benchmarks.package              its own files, and the import
    python -m benchmarks.package --install    its packages too, installed anew into a folder

The import is that of a new process, beside one that imports nothing. Whether the packages' own
byte code is there makes most of the difference between the first start on an instance and others.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pathspec import GitIgnoreSpec

from benchmarks import report

ROOT = Path(__file__).parents[1]
IMPORT = (
    "import json, sys, time; start = time.perf_counter(); import app;"
    "print(json.dumps([time.perf_counter() - start, 'azure.ai.ml' in sys.modules]))"
)


def main() -> None:
    """Measure, print the result and keep it."""
    parser = report.options("benchmarks.package", __doc__)
    parser.add_argument("--install", action="store_true", help="measure the packages too")
    parser.add_argument(
        "--runs", type=report.times, default=5, help="of Python, to time the import"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        package = publish(Path(scratch) / "package")
        result: dict[str, object] = {
            "own_files_mib": mebibytes(package),
            "import": imports(package, options.runs),
        }
        if options.install:
            result["packages_mib"] = mebibytes(install(Path(scratch) / "packages"))
    packages = ("azure-functions", "azure-functions-durable", "azure-ai-ml")
    print(report.keep(options.results, "package", packages, result))


def publish(target: Path) -> Path:
    """Copy what .funcignore leaves over."""
    ignore = GitIgnoreSpec.from_lines((ROOT / ".funcignore").read_text().splitlines())
    listed = subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True).splitlines()
    for name in listed:
        if not ignore.match_file(name):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target / name)
    return target


def install(target: Path) -> Path:
    """Install the packages of requirements.txt, as a remote build does."""
    command = [*(sys.executable, "-m", "pip", "install", "--quiet"), *("--target", str(target))]
    subprocess.check_call([*command, "--requirement", str(ROOT / "requirements.txt")])
    return target


def imports(package: Path, count: int) -> dict[str, object]:
    """Time the import of app.py in new processes.

    Returns:
        Seconds: the median; the first, which writes the byte code of the app's own files; and the
        start of a Python that imports nothing. And whether azure-ai-ml was imported.
    """
    runs: list[tuple[float, bool]] = [json.loads(_python(package, IMPORT)[0]) for _ in range(count)]
    seconds = [run[0] for run in runs]
    return {
        "median_s": round(statistics.median(seconds), 3),
        "first_s": round(seconds[0], 3),
        "bare_python_s": round(min(_python(package, "")[1] for _ in range(count)), 3),
        "imports_azure_ai_ml": any(run[1] for run in runs),
    }


def mebibytes(folder: Path) -> float:
    """Return what the files of a folder come to, in 2^20 bytes."""
    return round(
        sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 2**20, 2
    )


def _python(folder: Path, code: str) -> tuple[str, float]:
    start = time.perf_counter()
    text = subprocess.check_output([sys.executable, "-c", code], cwd=folder, text=True)
    return text, time.perf_counter() - start


if __name__ == "__main__":
    main()
