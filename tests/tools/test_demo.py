"""The demo as a user runs it, each time with an emulator of its own."""

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import av
import psutil
import pytest

from tools import clip
from tools.demo import Order

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    clip.make(file := tmp_path_factory.mktemp("demo") / "clip.mp4")
    return file


def start(**variables: str | Path) -> subprocess.Popen[str]:
    """Start `make demo` in a process group of its own."""
    return subprocess.Popen(
        ["make", "--silent", "demo", *(f"{name}={value}" for name, value in variables.items())],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def left_running(process: subprocess.Popen[str]) -> list[str]:
    """What the demo started and did not stop; it inherits our mark in its environment."""
    return [" ".join(each.cmdline()) for each in psutil.process_iter() if is_of(each, process)]


def is_of(each: psutil.Process, process: subprocess.Popen[str]) -> bool:
    try:
        return each.environ().get("MARK") == os.environ["MARK"] and each.pid != process.pid
    except (psutil.Error, KeyError):
        return False


@pytest.fixture(autouse=True)
def mark(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MARK", str(tmp_path))


def frame_count(file: Path) -> int:
    with av.open(str(file)) as container:
        return sum(1 for _ in container.decode(container.streams.video[0]))


def test_the_result_is_named_after_video_and_style(video: Path, tmp_path: Path) -> None:
    assert Order.of(video, "scream", None).out == Path("out/clip.scream.mp4")
    assert Order.of(video, "scream", tmp_path).out == tmp_path / "clip.scream.mp4"
    assert Order.of(video, "scream", tmp_path / "a.mp4").out == tmp_path / "a.mp4"


def test_a_file_of_any_name_is_painted_and_everything_stopped(video: Path, tmp_path: Path) -> None:
    odd = tmp_path / "Größe $HOME & [b] co. (v2).final.mp4"
    shutil.copy(video, odd)
    out = tmp_path / "new folder" / "painted $(x).mp4"
    demo = start(VIDEO=odd, STYLE="identity", OUT=out)
    output, errors = demo.communicate()
    assert demo.returncode == 0, errors
    assert output.splitlines()[-1] == str(out)
    assert frame_count(out) == frame_count(video)
    assert left_running(demo) == []


def test_a_file_that_there_cannot_be_is_said_in_words() -> None:
    output, errors = start(VIDEO="x" * 300).communicate()
    assert (output, "File name too long" in errors, "Errno" in errors) == ("", True, False)


@pytest.mark.parametrize(
    ("out", "sentence"),
    [
        ("file/a.mp4", "file is a file, not a folder"),
        ("file/deeper/a.mp4", "file/deeper: Not a directory"),
    ],
)
def test_a_result_that_could_not_be_written_is_not_painted(
    video: Path, tmp_path: Path, out: str, sentence: str
) -> None:
    (tmp_path / "file").touch()
    output, errors = start(VIDEO=video, STYLE="identity", OUT=tmp_path / out).communicate()
    assert (output, errors.splitlines()[0]) == ("", f"{tmp_path}/{sentence}")


def test_a_bad_file_ends_with_its_sentence_and_the_place_of_the_logs(tmp_path: Path) -> None:
    (text := tmp_path / "text.mp4").write_text("not a video")
    demo = start(VIDEO=text, STYLE="identity")
    output, errors = demo.communicate()
    logs = re.search(r"^The logs are in (.*)\.\n(.*text\.mp4.*)\n", errors, re.MULTILINE)
    assert logs is not None, errors
    assert (Path(logs[1]) / "functions.log").exists()
    shutil.rmtree(Path(logs[1]).parent)
    assert (demo.returncode != 0, output) == (True, "")
    assert "Traceback" not in errors


def test_a_missing_file_ends_at_once(tmp_path: Path) -> None:
    demo = start(VIDEO=tmp_path / "missing.mp4")
    _, errors = demo.communicate()
    assert demo.returncode != 0
    assert errors.startswith(f"there is no file {tmp_path / 'missing.mp4'}\n")


def test_an_interrupt_in_the_middle_of_painting_stops_everything(
    video: Path, tmp_path: Path
) -> None:
    out = tmp_path / "painted.mp4"
    demo = start(VIDEO=video, STYLE="identity", OUT=out)
    while not any("gpu_worker.score" in command for command in left_running(demo)):
        assert demo.poll() is None, demo.communicate()
        time.sleep(0.1)
    os.killpg(demo.pid, signal.SIGINT)
    demo.communicate()
    assert demo.returncode != 0
    assert not out.exists()
    assert left_running(demo) == []
