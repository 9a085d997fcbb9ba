"""Styles in the product: dropped as paintings or checkpoints, made, waited for, painted with."""

import io
import json
import pickle
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from azure.storage.blob import BlobClient
from PIL import Image
from safetensors.torch import save

from gpu_worker.styles.model import load_style
from tests.end_to_end.conftest import Atelier
from tests.end_to_end.evidence import evidence, psnr
from tests.end_to_end.media import Media
from tests.gpu_worker.small import SMALL_TRANSFORMER, seeded


def checkpoint() -> bytes:
    file = io.BytesIO()
    torch.save(seeded(SMALL_TRANSFORMER).state_dict(), file)
    return file.getvalue()


def painting(folder: Path) -> bytes:
    file = folder / "painting.png"
    noise = torch.randint(0, 255, (6, 8, 3), generator=torch.Generator().manual_seed(1))
    picture = Image.frombytes("RGB", (8, 6), bytes(noise.flatten().tolist()))
    picture.resize((200, 150), Image.Resampling.BICUBIC).save(file)
    return file.read_bytes()


def drop(atelier: Atelier, name: str, filename: str, content: bytes) -> None:
    """Add a style as the API says."""
    wish = {"name": name, "filename": filename, "bytes": len(content)}
    answer = atelier.http.post("/api/styles", json=wish).raise_for_status().json()
    BlobClient.from_blob_url(answer["url"]).upload_blob(content)


def style(atelier: Atelier, name: str) -> dict[str, Any]:
    listed = atelier.http.get("/api/styles").raise_for_status().json()["styles"]
    (found,) = [each for each in listed if each["name"] == name]
    return found


def test_a_checkpoint_becomes_a_style_and_its_video_waits(atelier: Atelier, media: Media) -> None:
    clip = media.moving(1)
    drop(atelier, "candy", "candy.pth", checkpoint())
    assert style(atelier, "candy")["state"] == "learning"
    waiting = atelier.upload(clip, "candy clip.mp4", style="candy")
    made = atelier.wait(style(atelier, "candy")["job"] or waiting)
    assert made["status"] == "Completed", made["error"]
    job = atelier.wait(waiting)
    assert job["status"] == "Completed", job["error"]
    assert evidence(atelier.result(waiting)).times == pytest.approx(evidence(clip).times, abs=1e-4)
    ready = style(atelier, "candy")
    assert (ready["state"], ready["job"], ready["message"]) == ("ready", None, "")
    assert ready["flop_per_pixel"] > 0
    picture = atelier.http.get(ready["thumbnail"])
    assert Image.open(io.BytesIO(picture.content)).format == "JPEG"


class Hostile:
    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (Path("it-ran"),))


def test_a_hostile_checkpoint_fails_in_a_sentence_and_so_does_its_video(
    atelier: Atelier, media: Media
) -> None:
    drop(atelier, "evil", "evil.pth", pickle.dumps({"conv1.conv2d.weight": Hostile()}))
    waiting = atelier.upload(media.moving(1), "evil clip.mp4", style="evil")
    job = atelier.wait(waiting)
    assert job["status"] == "Failed"
    assert "holds more than the weights of a network" in job["message"]
    failed = style(atelier, "evil")
    assert (failed["state"], failed["thumbnail"]) == ("failed", None)
    assert "holds more than the weights of a network" in failed["message"]
    report = atelier.container("styles").download_blob("evil.error.json").readall()
    assert json.loads(report)["code"] == "unusable-style"


def test_a_painting_is_learnt_again_after_a_kill(
    atelier: Atelier, media: Media, tmp_path: Path
) -> None:
    waiting = atelier.upload(media.moving(1), "first.mp4", style="daubs")
    assert "there is no style 'daubs'" in atelier.wait(waiting)["message"]
    drop(atelier, "daubs", "Daubs.PNG", painting(tmp_path))
    job_id = style(atelier, "daubs")["job"]
    atelier.wait(job_id, until=lambda job: job["stage"] == "learn" and learners(atelier))
    for process in learners(atelier):
        process.kill()
    again = atelier.upload(media.moving(1), "second.mp4", style="daubs")
    made = atelier.wait(job_id)
    assert (made["status"], made["attempt"], made["video"]) == ("Completed", 2, None)
    assert made["frames"] == {"done": 100, "total": 100}
    job = atelier.wait(again)
    assert job["status"] == "Completed", job["error"]
    file = tmp_path / "daubs.safetensors"
    file.write_bytes(atelier.container("styles").download_blob(file.name).readall())
    assert load_style(file).metadata["licence"]
    assert not atelier.leftovers(job_id)


def learners(atelier: Atelier) -> list[psutil.Process]:
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if "gpu_worker.learn" in (line := " ".join(process.info["cmdline"] or ()))
        and str(atelier.config.state) in line
        and "mpiexec" not in line.split()[0]
    ]


def test_what_is_no_painting_fails_in_a_sentence(atelier: Atelier) -> None:
    drop(atelier, "sonnet", "sonnet.jpg", b"Shall I compare thee to a summer's day?")
    job = atelier.wait(style(atelier, "sonnet")["job"])
    assert (job["status"], job["attempt"]) == ("Failed", 1)
    assert job["error"]["code"] == "unusable-painting"
    assert job["message"] == "sonnet.jpg is not a picture; use a JPEG or a PNG."
    assert style(atelier, "sonnet")["state"] == "failed"


def test_learning_can_be_cancelled(atelier: Atelier, tmp_path: Path) -> None:
    drop(atelier, "undone", "undone.png", painting(tmp_path))
    job_id = style(atelier, "undone")["job"]
    atelier.wait(job_id, until=lambda job: job["stage"] == "learn")
    assert atelier.http.post(f"/api/jobs/{job_id}/cancel").status_code == 202
    assert atelier.wait(job_id)["status"] == "Cancelled"
    undone = style(atelier, "undone")
    assert undone["state"] == "failed"
    assert "making the style was cancelled" in undone["message"]
    assert not learners(atelier)
    assert not atelier.leftovers(job_id)


def test_strength_0_gives_the_video_back(atelier: Atelier, media: Media) -> None:
    clip = media.moving(1)
    wish = {"filename": "faint.mp4", "style": "slow", "bytes": len(clip), "strength": 0}
    answer = atelier.http.post("/api/uploads", json=wish).raise_for_status().json()
    assert atelier.http.put(answer["url"], content=clip, headers=answer["headers"]).is_success
    listed = {"jobs": []}
    while not listed["jobs"]:
        listed = atelier.http.get("/api/jobs", params={"video": "slow/faint.mp4"}).json()
    job = atelier.wait(listed["jobs"][0]["id"])
    assert job["status"] == "Completed", job["error"]
    assert psnr(evidence(clip).luma, evidence(atelier.result(job["id"])).luma) > 38


def test_a_scorer_gives_a_line_for_each_frame(atelier: Atelier, media: Media) -> None:
    clip = media.moving(2)
    metadata = {"format_version": "1", "scorer": "motion"}
    drop(atelier, "motion", "motion.safetensors", save({}, metadata))
    assert style(atelier, "motion")["kind"] == "lines"
    job_id = atelier.upload(clip, "described.mp4", style="motion")
    job = atelier.wait(job_id)
    assert job["status"] == "Completed", job["error"]
    assert job["result"] == "motion/described.jsonl"
    lines = [json.loads(line) for line in atelier.result(job_id).splitlines()]
    assert [line["frame"] for line in lines] == list(range(len(lines)))
    assert [line["time"] for line in lines] == pytest.approx(evidence(clip).times, abs=1e-4)
    assert all(line["motion"] > 0 for line in lines[1:])
    assert not atelier.leftovers(job_id)
