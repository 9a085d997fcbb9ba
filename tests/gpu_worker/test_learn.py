"""A style is learnt from a painting and photos alone, says how, and goes on after a kill."""

import base64
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import ffmpeg
import imageio_ffmpeg
import pytest
import torch
from PIL import Image
from torch import Generator, Tensor

from gpu_worker.errors import ToolError
from gpu_worker.files import Kept
from gpu_worker.learn import START, main
from gpu_worker.learning.content import PHOTOS, SHORT_SIDE, Content
from gpu_worker.learning.learner import Budget, Learner, Learnt, Lesson, learn
from gpu_worker.learning.objective import Objective
from gpu_worker.learning.pictures import cover, read_painting, read_picture
from gpu_worker.learning.recipe import Recipe
from gpu_worker.learning.vgg import Vgg
from gpu_worker.networks.architectures import Architecture, StyleNet
from gpu_worker.networks.canvas import Canvas
from gpu_worker.styles.model import load_style

TINY = Architecture("StyleNet", width=8, blocks=1)
LOSSES = {
    "content",
    "style",
    "palette",
    "stranger",
    "light",
    "tone",
    "range",
    "strokes",
    "evenness",
    "equivariance",
    "frame_difference",
    "total",
}
RECIPE = Recipe(steps=24, minutes=0, size=64, painting_side=96, learning_rate=2.5e-3, average=0.5)


def save_picture(path: Path, seed: int, size: tuple[int, int] = (120, 100)) -> Path:
    """Blobs of saturated colours, different for every seed."""
    cells = torch.rand(6, 8, 3, generator=Generator().manual_seed(seed)).round() * 255
    image = Image.frombytes("RGB", (8, 6), bytes(cells.byte().flatten().tolist()))
    image.resize(size, Image.Resampling.BICUBIC).save(path)
    return path


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "photos").mkdir()
    save_picture(folder / "painting.png", seed=1)
    for seed in (2, 3, 4):
        save_picture(folder / "photos" / f"{seed}.png", seed)
    return folder


def lesson(pictures: Path, recipe: Recipe) -> Lesson:
    painting = read_painting(pictures / "painting.png", recipe.painting_side)
    photos = [read_picture(path, 96) for path in sorted((pictures / "photos").iterdir())]
    return Lesson(recipe, painting, Content(photos), torch.device("cpu"))


def learn_tiny(pictures: Path, recipe: Recipe) -> Learnt:
    torch.manual_seed(recipe.seed)
    learner = Learner(lesson(pictures, recipe), StyleNet(TINY))
    return learn(learner, Budget(recipe), lambda _: None)


def mean_total(losses: Sequence[dict[str, float]]) -> float:
    return sum(step["total"] for step in losses) / len(losses)


def painted(learnt: Learnt) -> Tensor:
    with torch.inference_mode():
        return learnt.network(torch.full((1, 3, 32, 32), 0.5))


def test_what_is_learnt_is_nearer_to_what_is_wanted_than_the_photos(pictures: Path) -> None:
    recipe = replace(RECIPE, steps=40, equivariance=0.0, frame_difference=0.0)
    given = lesson(pictures, recipe)
    objective = Objective(recipe, given.painting, given.content.pictures, Vgg(given.device))
    learnt = learn_tiny(pictures, recipe)
    assert len(learnt.losses) == recipe.steps
    photos = torch.stack([photo[:, :64, :64] for photo in given.content.pictures])
    with torch.no_grad():
        as_it_was, painted = (
            sum(objective.losses(rgb, photos, spent=1).values())
            for rgb in (photos, learnt.network(photos))
        )
    assert painted < 0.98 * as_it_was


def test_learning_repeats_by_seed(pictures: Path) -> None:
    first, again, other = (
        learn_tiny(pictures, replace(RECIPE, steps=2, seed=seed)) for seed in (0, 0, 1)
    )
    # Threads may sum in another order each time, so equal to rounding and no closer.
    assert mean_total(again.losses) == pytest.approx(mean_total(first.losses), rel=1e-3)
    assert torch.allclose(painted(again), painted(first), atol=5e-3)
    assert mean_total(other.losses) != pytest.approx(mean_total(first.losses), rel=1e-2)


def test_stability_is_learnt_only_where_it_is_asked_for(pictures: Path) -> None:
    recipe = replace(RECIPE, steps=1, equivariance=0.0, frame_difference=0.0)
    assert "equivariance" not in learn_tiny(pictures, recipe).losses[0]
    assert "equivariance" in learn_tiny(pictures, replace(RECIPE, steps=1)).losses[0]


def test_a_learner_goes_on_from_its_state_as_if_there_had_been_no_break(pictures: Path) -> None:
    recipe = replace(RECIPE, steps=4)
    torch.manual_seed(0)
    through = Learner(lesson(pictures, recipe), StyleNet(TINY))
    for _ in range(2):
        through.step(spent=0.2)
    resumed = Learner(lesson(pictures, recipe), StyleNet(TINY))
    resumed.load_state_dict(through.state_dict())
    for learner in (through, resumed):
        learner.step(spent=0.5)
    assert len(resumed.losses) == 3
    assert resumed.losses[-1] == pytest.approx(through.losses[-1], rel=1e-3)


def command(pictures: Path, out: Path, *more: str) -> list[str]:
    sizes = ["--size", "64", "--width", "8", "--blocks", "1", "--painting-side", "96"]
    inputs = ["--painting", str(pictures / "painting.png"), "--content", str(pictures / "photos")]
    return [*inputs, "--out", str(out), *sizes, *more]


def test_the_command_writes_a_style_that_tells_its_story(pictures: Path, tmp_path: Path) -> None:
    out, sheet = tmp_path / "tiny.safetensors", tmp_path / "sheet.png"
    options = ["--steps", "2", "--minutes", "0", "--seed", "7", "--style-weight", "3.5"]
    options += ["--preview", str(sheet), "--painting-name", "Blots.jpg"]
    assert main(command(pictures, out, *options)) == 0
    metadata = load_style(out).metadata
    recipe = json.loads(metadata["recipe"])
    assert metadata["painting"] == "Blots.jpg"
    picture = Image.open(io.BytesIO(base64.b64decode(metadata["picture"])))
    assert picture.size == (115, 96)
    assert metadata["licence"] == "Public domain"
    assert metadata["steps"] == "2"
    assert Architecture(**json.loads(metadata["architecture"])) == TINY
    assert (recipe["seed"], recipe["style_weight"], recipe["minutes"]) == (7, 3.5, 0.0)
    assert json.loads(metadata["losses"]).keys() == LOSSES
    assert [point.keys() for point in json.loads(metadata["curve"])] == [LOSSES] * 2
    assert float(metadata["minutes"]) >= 0
    assert read_picture(sheet, 2000).shape[2] > 1000
    assert list(tmp_path.glob("*.state*")) == []


def test_a_style_is_learnt_from_the_painting_and_a_clip_on_what_the_project_ships(
    pictures: Path, tmp_path: Path
) -> None:
    clip, out = tmp_path / "clip.mp4", tmp_path / "out.safetensors"
    source = ffmpeg.input("testsrc2=size=160x96:rate=25:duration=1", format="lavfi")
    source.output(str(clip)).run(cmd=imageio_ffmpeg.get_ffmpeg_exe(), quiet=True)
    painting = str(pictures / "painting.png")
    options = ["--painting", painting, "--content", str(clip), "--out", str(out)]
    assert main([*options, "--steps", "1", "--size", "64", "--learning-rate", "0"]) == 0
    assert json.loads(load_style(out).metadata["architecture"])["width"] == 32
    before, learnt = (load_style(file).network.state_dict() for file in (START, out))
    sees, canvas = "enter.weight", Canvas.CHANNELS
    # A frame has room for what a crop has to hold by itself; thin strokes are dashes in skies.
    learnt[sees][:, -canvas:] /= 0.7
    learnt[sees][:, Canvas.THIN - canvas] /= 0.75
    for name, weight in before.items():
        torch.testing.assert_close(learnt[name], weight)


def test_without_content_it_practises_on_the_photos_of_the_project(
    pictures: Path, tmp_path: Path
) -> None:
    out, sheet = tmp_path / "out.safetensors", tmp_path / "sheet.png"
    options = ["--painting", str(pictures / "painting.png"), "--out", str(out)]
    assert main([*options, "--steps", "1", "--size", "64", "--preview", str(sheet)]) == 0
    shown = read_picture(sheet, 2000)[:, 4:292, 440:872]
    photos = (read_picture(photo, SHORT_SIDE) for photo in PHOTOS.glob("*.jpg"))
    assert min((shown - cover(photo, (288, 432))).abs().max() for photo in photos) < 0.01


def test_a_style_of_another_network_is_no_start(
    pictures: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    identity = str(Path(__file__).parents[2] / "styles" / "identity.safetensors")
    painting, out = str(pictures / "painting.png"), str(tmp_path / "out.safetensors")
    assert main(["--painting", painting, "--out", out, "--start", identity]) == 1
    assert "identity.safetensors is no style that was learnt from a painting" in caplog.text


def test_a_killed_run_goes_on_when_its_command_is_repeated(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "tiny.safetensors"
    state = tmp_path / "tiny.safetensors.state"
    kept_often = "from gpu_worker.learning import learner; learner.KEEP_SECONDS = 0.0; "
    program = f"{kept_often}from gpu_worker.learn import main; import sys; main(sys.argv[1:])"
    options = command(pictures, out, "--steps", "1000")
    one_thread = os.environ | {"OMP_NUM_THREADS": "1"}
    with subprocess.Popen([sys.executable, "-c", program, *options], env=one_thread) as process:
        while process.poll() is None and not Kept(state).read():
            time.sleep(0.05)
        process.kill()
    assert not out.exists()
    kept = torch.load(io.BytesIO(Kept(state).read() or b""), weights_only=True)
    done = len(kept["learner"]["losses"])
    assert main(command(pictures, out, "--steps", str(done + 1))) == 0
    assert load_style(out).metadata["steps"] == str(done + 1)
    assert not state.exists()


@pytest.mark.parametrize("asked", [None, 1])
def test_it_computes_on_every_core_below_mpi_too_or_on_as_many_as_it_is_told(
    asked: int | None,
) -> None:
    program = (
        "import torch; from gpu_worker.learn import main;"
        "main(['--painting', 'none.png', '--out', 'none.safetensors']);"
        "print(torch.get_num_threads())"
    )
    launched = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    launched |= {"MPI_LOCALNRANKS": "1"} | ({"OMP_NUM_THREADS": str(asked)} if asked else {})
    done = subprocess.run(
        [sys.executable, "-c", program], env=launched, capture_output=True, text=True, check=True
    )
    assert int(done.stdout) == (asked or os.process_cpu_count())


def test_what_another_lesson_left_is_not_gone_on_with(
    pictures: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    out = tmp_path / "tiny.safetensors"
    state = tmp_path / "tiny.safetensors.state"
    buffer = io.BytesIO()
    torch.save({"lesson": "another", "minutes": 1.0, "learner": {}}, buffer)
    Kept(state).write(buffer.getvalue())
    assert main(command(pictures, out, "--steps", "1")) == 1
    Kept(state).write(b"a poem")
    assert main(command(pictures, out, "--steps", "1")) == 1
    other, damaged = (record.getMessage() for record in caplog.records)
    assert "tiny.safetensors.state was left by a run with other pictures or options" in other
    assert "tiny.safetensors.state is damaged" in damaged


def test_a_time_budget_ends_the_learning(pictures: Path) -> None:
    learnt = learn_tiny(pictures, replace(RECIPE, steps=0, minutes=0.02))
    assert learnt.minutes >= 0.02


def test_a_budget_is_spent_by_whichever_comes_first() -> None:
    assert Budget(Recipe(steps=10, minutes=0)).spent(5) == 0.5
    assert Budget(Recipe(steps=10, minutes=1000)).spent(12) == 1
    assert Budget(Recipe(steps=0, minutes=1e-9)).spent(0) == 1
    assert Budget(Recipe(steps=10, minutes=1e-9)).spent(0) == 1
    assert Budget(Recipe(steps=0, minutes=2), minutes=1.5).spent(0) == pytest.approx(0.75, abs=0.1)


@pytest.mark.parametrize("content", [None, b"", b"a poem", b"\x00\x00\x00\x18ftypmp42"])
def test_the_command_refuses_what_is_no_painting_in_one_sentence(
    pictures: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes | None
) -> None:
    painting, out = tmp_path / "poem.jpg", tmp_path / "out.safetensors"
    if content is not None:
        painting.write_bytes(content)
    assert main([*command(pictures, out, "--steps", "1"), "--painting", str(painting)]) == 1
    assert [record.getMessage().count("poem.jpg") for record in caplog.records] == [1]
    assert not out.exists()


@pytest.mark.parametrize("option", [("--out", "lost/a.safetensors"), ("--preview", "sheet.txt")])
def test_what_could_not_be_written_is_refused_before_the_work(
    pictures: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, option: tuple[str, str]
) -> None:
    name, file = option[0], str(tmp_path / option[1])
    assert main([*command(pictures, tmp_path / "o.safetensors"), name, file]) == 1
    assert Path(file).name in caplog.text
    assert list(tmp_path.iterdir()) == []


def test_a_learning_that_runs_away_is_ended(pictures: Path) -> None:
    with pytest.raises(ToolError, match="lower --learning-rate"):
        learn_tiny(pictures, replace(RECIPE, learning_rate=1e30))


@pytest.mark.parametrize(
    "option",
    [
        ("--size", "40"),
        ("--steps", "-1"),
        ("--minutes", "nan"),
        ("--seed", "-1"),
        ("--width", "x"),
        ("--width", "999"),
        ("--style-weight", "-1"),
    ],
)
def test_an_option_out_of_range_is_named(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: tuple[str, str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([*command(pictures, tmp_path / "o.safetensors"), *option])
    assert f"argument {option[0]}: '{option[1]}' is not" in capsys.readouterr().err
