"""The command `atelier`, as users and scripts run it, on the real emulator."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image

from tests.end_to_end.conftest import Atelier
from tests.end_to_end.media import Media
from tests.end_to_end.test_styles import painting

ROOT = Path(__file__).parents[2]
DONE, NOT_PAINTED, USAGE, REFUSED, UNREACHABLE, INTERRUPTED = 0, 1, 2, 3, 4, 130


def command(url: str, *arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "cli", "--url", url, *map(str, arguments)]


class Shell:
    """Runs the command on a deployment."""

    def __init__(self, url: str) -> None:
        self.url = url

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command(self.url, *arguments), cwd=ROOT, capture_output=True, text=True, check=False
        )

    def json(self, *arguments: str | Path, status: int = DONE) -> list[Any]:
        answer = self.run(*arguments, "--json")
        assert answer.returncode == status, answer.stderr
        return [json.loads(line) for line in answer.stdout.splitlines()]


@pytest.fixture(scope="module")
def shell(atelier: Atelier) -> Shell:
    return Shell(atelier.config.host_url)


@pytest.fixture
def videos(media: Media, tmp_path: Path) -> list[Path]:
    """Two good videos and one that is none."""
    names = ["one.mp4", "Größe [2].mp4", "diary.mp4"]
    contents = [media.moving(1), media.moving(1), b"Dear diary,\n"]
    for name, content in zip(names, contents, strict=True):
        (tmp_path / name).write_bytes(content)
    return [tmp_path / name for name in names]


def frames(file: Path) -> int:
    with av.open(str(file)) as container:
        return sum(1 for _ in container.decode(container.streams.video[0]))


def test_restyle_paints_several_videos_and_says_which_it_could_not(
    shell: Shell, videos: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    answer = shell.run("restyle", *videos, "--style", "identity", "--out", out)
    assert answer.returncode == NOT_PAINTED
    painted = {out / "one.identity.mp4", out / "Größe [2].identity.mp4"}
    assert {Path(line) for line in answer.stdout.splitlines()} == painted == set(out.iterdir())
    assert {frames(file) for file in painted} == {frames(videos[0])}
    assert "diary.mp4 is text, not a video: upload a video (not-a-video)\n" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_result_may_be_matroska(shell: Shell, videos: list[Path], tmp_path: Path) -> None:
    video = videos[0].rename(tmp_path / "matroska.mp4")
    words = ("--style", "identity", "--container", "mkv", "--out", tmp_path / "out")
    (line,) = shell.run("restyle", video, *words).stdout.splitlines()
    assert Path(line) == tmp_path / "out" / "matroska.identity.mkv"
    with av.open(line) as container:
        assert container.format.name == "matroska,webm"
    assert frames(Path(line)) == frames(video)


def test_restyling_the_same_again_paints_nothing_again(
    shell: Shell, videos: list[Path], tmp_path: Path
) -> None:
    arguments = ("restyle", videos[0], "--style", "identity", "--out", tmp_path)
    (first,), (second,) = shell.json(*arguments), shell.json(*arguments)
    assert first == second
    assert (first["status"], first["path"]) == ("Completed", str(tmp_path / "one.identity.mp4"))
    (other,) = shell.json(*arguments, "--strength", "0.5")
    assert other["id"] != first["id"]


def test_a_job_is_started_watched_saved_and_deleted(
    shell: Shell, atelier: Atelier, media: Media, tmp_path: Path
) -> None:
    (file := tmp_path / "steps.mp4").write_bytes(media.moving(1))
    answer = shell.run("restyle", file, "--style", "identity", "--detach")
    job = answer.stdout.strip()
    assert re.search("steps.mp4 .* Started", answer.stderr)
    (watched,) = shell.json("watch", job)
    assert (watched["id"], watched["status"]) == (job, "Completed")
    (saved,) = shell.json("download", job, "--out", tmp_path)
    assert frames(Path(saved["path"])) == frames(file)
    (status,) = shell.json("status", job)
    assert (status["id"], status["frames"]["done"]) == (job, frames(file))
    assert job in shell.run("status").stdout
    assert shell.run("delete", job).returncode == DONE
    assert shell.run("status", job).returncode == REFUSED
    assert atelier.container("videos").get_blob_client("identity/steps.mp4").exists()


def test_a_job_is_cancelled_and_no_longer(shell: Shell, media: Media, tmp_path: Path) -> None:
    (file := tmp_path / "cancel.mp4").write_bytes(media.moving(4))
    (started,) = shell.json("restyle", file, "--style", "slow", "--detach")
    assert shell.run("cancel", started["id"]).returncode == DONE
    (watched,) = shell.json("watch", started["id"], status=NOT_PAINTED)
    assert watched["status"] == "Cancelled"
    again = shell.run("cancel", started["id"])
    assert (again.returncode, "(job-ended)" in again.stderr) == (REFUSED, True)


def test_a_painting_that_is_none_becomes_no_style(shell: Shell, tmp_path: Path) -> None:
    (file := tmp_path / "poem.jpg").write_text("Roses are red")
    answer = shell.run("learn", file, "--name", "poem")
    assert (answer.returncode, answer.stdout) == (NOT_PAINTED, "")
    assert re.search(r"^poem: poem\.jpg is not a picture", answer.stderr, re.MULTILINE)
    assert {"poem": "failed"}.items() <= {
        style["name"]: style["state"] for style in shell.json("styles")
    }.items()


def test_videos_of_one_name_are_all_painted_and_told_apart(
    shell: Shell, media: Media, tmp_path: Path
) -> None:
    (tmp_path / "card").mkdir()
    lengths = {"GX1.MP4": 1, "GX1.mov": 2, "card/GX1.MP4": 3}
    for name, length in lengths.items():
        (tmp_path / name).write_bytes(media.moving(length))
    files, out = [tmp_path / name for name in lengths], tmp_path / "out"
    # Not even what replaces files replaces what the same command has painted.
    works = shell.json("restyle", *files, "--style", "identity", "--out", out, "--overwrite")
    assert len({work["id"] for work in works}) == 3
    painted = {Path(work["file"]): frames(Path(work["path"])) for work in works}
    assert painted == {file: frames(file) for file in files}
    names = ["GX1.MP4.identity (1).mp4", "GX1.MP4.identity.mp4", "GX1.mov.identity.mp4"]
    assert sorted(file.name for file in out.iterdir()) == names
    for work in works:
        (saved,) = shell.json("download", work["id"], "--out", tmp_path / work["id"])
        assert frames(Path(saved["path"])) == frames(Path(work["file"]))


def test_nothing_in_the_folder_is_written_over(
    shell: Shell, videos: list[Path], tmp_path: Path
) -> None:
    (mine := tmp_path / "one.identity.mp4").write_bytes(b"mine")
    arguments = ("restyle", videos[0], "--style", "identity", "--out", tmp_path)
    for _ in range(2):
        (work,) = shell.json(*arguments)
        assert work["path"] == str(tmp_path / "one.identity (1).mp4")
    said = shell.run(*arguments).stderr
    assert f"{videos[0]} is painted as one.identity (1).mp4\n" in said
    assert mine.read_bytes() == b"mine"
    assert shell.json(*arguments, "--overwrite")[0]["path"] == str(mine)
    assert frames(mine) == frames(videos[0])


def test_a_failure_ends_no_list(shell: Shell, media: Media, tmp_path: Path) -> None:
    (file := tmp_path / "in a list.mp4").write_bytes(media.moving(1))
    (work,) = shell.json("restyle", file, "--style", "identity", "--out", tmp_path)
    answer = shell.run("status", "none", work["id"])
    assert (answer.returncode, work["id"] in answer.stdout) == (REFUSED, True)
    assert "there is no job 'none' (no-job)" in answer.stderr
    first, second = shell.json(
        "download", "none", work["id"], "--out", tmp_path / "again", status=REFUSED
    )
    assert (first["id"], first["code"]) == ("none", "no-job")
    assert frames(Path(second["path"])) == frames(file)
    answer = shell.run("delete", "none", work["id"])
    assert answer.returncode == REFUSED
    assert f"{work['id']} is deleted." in answer.stderr
    assert shell.json("delete", "none", status=REFUSED)[0]["code"] == "no-job"


def test_a_name_that_is_no_text_ends_no_batch(shell: Shell, media: Media, tmp_path: Path) -> None:
    files = [
        tmp_path / os.fsdecode(b"caf\xe9.mp4"),
        tmp_path / f"{'ä' * 122}.mp4",
        tmp_path / "it's.mp4",
    ]
    for file in files:
        file.write_bytes(media.moving(1))
    answer = shell.run("restyle", *files, "--style", "identity", "--out", tmp_path / "out")
    assert (answer.returncode, "Traceback" in answer.stderr) == (NOT_PAINTED, False)
    assert "is not UTF-8: rename the file" in answer.stderr
    assert len(list((tmp_path / "out").iterdir())) == 2


def test_an_upload_is_deleted_where_that_is_said(
    shell: Shell, atelier: Atelier, tmp_path: Path
) -> None:
    (file := tmp_path / "regretted.mp4").write_bytes(b"Dear diary,\n")
    (work,) = shell.json("restyle", file, "--style", "identity", status=NOT_PAINTED)
    upload = atelier.container("videos").get_blob_client("identity/regretted.mp4")
    assert upload.exists()
    assert shell.run("delete", work["id"], "--upload").returncode == DONE
    assert not upload.exists()


def test_what_a_style_looks_like_so_far_is_kept_in_a_file(shell: Shell, tmp_path: Path) -> None:
    (file := tmp_path / "Seen.png").write_bytes(painting(tmp_path))
    preview = tmp_path / "so far" / "seen.jpg"
    answer = shell.run("learn", file, "--preview", preview)
    assert (answer.returncode, "will show what it looks like so far" in answer.stderr) == (
        DONE,
        True,
    )
    with Image.open(preview) as sheet:
        assert sheet.format == "JPEG"


def test_a_style_is_replaced_where_that_is_said_and_forgotten(shell: Shell, tmp_path: Path) -> None:
    (file := tmp_path / "Mine.pth").write_bytes(b"no checkpoint")
    assert shell.run("learn", file, "--name", "scream").returncode == REFUSED
    assert "mine" not in {style["name"] for style in shell.json("styles")}
    assert shell.run("learn", file).returncode == NOT_PAINTED
    idle = shell.run("cancel", "mine", "identity")
    assert idle.stderr == (
        "the style 'mine' is not being learnt\nthe style 'identity' is not being learnt\n"
    )
    assert shell.run("forget", "mine", "scream").returncode == REFUSED
    names = {style["name"] for style in shell.json("styles")}
    assert ("mine" in names, "scream" in names) == (False, True)


def test_a_result_that_cannot_be_written_is_said_so(
    shell: Shell, videos: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "out").write_text("a file, not a folder")
    out = tmp_path / "out" / "deeper"
    answer = shell.run("restyle", videos[0], "--style", "identity", "--out", out)
    assert (answer.returncode, "Traceback" in answer.stderr) == (NOT_PAINTED, False)
    (said,) = re.findall(r"out/deeper: Not a directory \((.+)\)", answer.stderr)
    command = re.fullmatch(r"it is painted; (atelier download \S+ --out) FOLDER saves it", said)
    assert command
    saved = shell.run(*command[1].split()[1:], tmp_path / "elsewhere")
    assert frames(Path(saved.stdout.strip())) == frames(videos[0])


def test_styles_are_listed(shell: Shell) -> None:
    names = {style["name"] for style in shell.json("styles")}
    assert {"identity", "slow"} <= names
    listed = shell.run("styles").stdout
    assert all(name in listed for name in names)


@pytest.fixture
def interruptible() -> Generator[None]:
    """Processes begun here take an interrupt, even where the tests run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_leaves_the_job_to_go_on(
    shell: Shell, atelier: Atelier, media: Media, tmp_path: Path
) -> None:
    (file := tmp_path / "interrupted.mp4").write_bytes(media.moving(1))
    arguments = command(shell.url, "restyle", file, "--style", "identity")
    with subprocess.Popen(arguments, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        while not (jobs := shell.json("status")) or jobs[0]["name"] != file.name:
            assert process.poll() is None
            time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()
    assert process.returncode == INTERRUPTED
    assert "Jobs that have started go on" in errors
    assert jobs[0]["id"] in errors
    assert atelier.wait(jobs[0]["id"])["status"] == "Completed"


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_leaves_a_painting_to_be_learnt(
    shell: Shell, atelier: Atelier, tmp_path: Path
) -> None:
    (file := tmp_path / "left alone.png").write_bytes(painting(tmp_path))
    arguments = command(shell.url, "learn", file)

    def style() -> dict[str, Any]:
        styles = atelier.http.get("/api/styles").raise_for_status().json()["styles"]
        return next((each for each in styles if each["name"] == "left-alone"), {})

    with subprocess.Popen(arguments, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        while not (job := style().get("job")):
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()
    assert process.returncode == INTERRUPTED
    assert "Interrupted. left-alone is learnt without this command" in errors
    assert re.search(r"atelier cancel left-alone\S* ends it", errors)
    assert atelier.wait(job)["status"] == "Completed"
    assert style()["state"] == "ready"


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["status", "none"], REFUSED, "there is no job 'none' (no-job)"),
        (["restyle", "missing.mp4", "--style", "identity"], USAGE, "does not exist"),
        (
            ["restyle", __file__, "--style", "x", "--strength", "2"],
            USAGE,
            "it must be 1 or less",
        ),
        (["restyle", __file__], USAGE, "Missing option '--style'"),
        (["paint"], USAGE, "No such command 'paint'"),
        (["--url", "nowhere", "status"], USAGE, "'nowhere' is no URL"),
    ],
)
def test_what_cannot_be_done_is_said(
    shell: Shell, arguments: list[str], status: int, sentence: str
) -> None:
    answer = shell.run(*arguments)
    assert (answer.returncode, answer.stdout) == (status, "")
    assert sentence in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_deployment_that_is_not_there_is_said_to_be_so() -> None:
    answer = Shell("http://127.0.0.1:9").run("status")
    assert answer.returncode == UNREACHABLE
    assert answer.stderr.startswith("http://127.0.0.1:9 does not answer")


def test_a_shell_completes_styles(shell: Shell) -> None:
    words = f"atelier --url {shell.url} restyle --style i"
    asked = {"_ATELIER_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": "5"}
    answer = subprocess.check_output(
        [Path(sys.executable).with_name("atelier")],
        env=os.environ | asked | {"PYTHONPATH": str(ROOT)},
        text=True,
    )
    assert answer.split() == ["identity"]
