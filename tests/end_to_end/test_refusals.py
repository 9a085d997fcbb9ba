"""Bad input ends at once, in one sentence that says what is wrong and what to do."""

import json
from pathlib import Path

import pytest

from gpu_worker.styles.model import save_style
from tests.end_to_end.conftest import Atelier
from tests.end_to_end.evidence import evidence, psnr
from tests.end_to_end.media import Media
from tests.gpu_worker.small import SMALL, seeded

SENTENCES = {
    "empty.mp4": "is empty",
    "text.mp4": "is text",
    "no_index.mp4": "is cut short",
    "cut_short.mp4": "is cut short",
    "audio.mp4": "holds no video",
    "cover.mp4": "holds no video",
    "picture.png": "is a still image",
    "picture.jpg": "is a still image",
    "huge.mp4": "more than the limit",
    "long.mp4": "the limit is 1 minutes",
    "hls.mp4": "is a playlist",
    "concat.mp4": "is a playlist",
    "noise.mp4": "is not a video",
}


@pytest.mark.parametrize("name", SENTENCES)
def test_bad_file_is_refused_in_a_sentence(atelier: Atelier, media: Media, name: str) -> None:
    stem, _, suffix = name.partition(".")  # videos of one stem have one first name for a report
    job_id = atelier.upload(media.unusable(name), f"{stem} {suffix}.{suffix}")
    prove_refused(atelier, job_id, SENTENCES[name])


@pytest.mark.parametrize("name", ["`best`.mp4", 'the "best".mp4'])
def test_quotes_in_a_name_are_refused(atelier: Atelier, media: Media, name: str) -> None:
    prove_refused(atelier, atelier.upload(media.moving(1), name), "rename the video")


def test_unknown_style_is_refused_with_those_there_are(atelier: Atelier, media: Media) -> None:
    job_id = atelier.upload(media.moving(1), "clip.mp4", style="cubism")
    job = prove_refused(atelier, job_id, "there is no style 'cubism'")
    assert "identity" in job["error"]["detail"]
    assert "slow" in job["error"]["detail"]


def test_fault_that_the_worker_finds_is_not_tried_again(
    atelier: Atelier, media: Media, tmp_path: Path
) -> None:
    network = seeded(SMALL)
    next(network.parameters()).data.fill_(float("nan"))
    save_style(tmp_path / "nan.safetensors", network, {})
    content = (tmp_path / "nan.safetensors").read_bytes()
    atelier.container("styles").upload_blob("nan.safetensors", content, overwrite=True)
    job_id = atelier.upload(media.moving(1), "nan.mp4", style="nan")
    prove_refused(atelier, job_id, "values that are not finite", attempts=1)


def test_half_a_style_is_refused_before_anything_is_painted(atelier: Atelier, media: Media) -> None:
    atelier.container("styles").upload_blob("half.safetensors", b"no weights", overwrite=True)
    job_id = atelier.upload(media.moving(1), "half.mp4", style="half")
    prove_refused(atelier, job_id, "half.safetensors is damaged", attempts=0)


@pytest.mark.parametrize("name", ["../up.mp4", "a/../b.mp4", 'a"b.mp4', "a`b.mp4", ""])
def test_upload_under_a_bad_name_is_refused(atelier: Atelier, name: str) -> None:
    wish = {"filename": name, "style": "identity", "bytes": 1}
    answer = atelier.http.post("/api/uploads", json=wish)
    assert answer.status_code == 400
    assert "rename the video" in answer.json()["detail"]


@pytest.mark.parametrize("name", ["in folders/it's 100%2Ffun.mp4", "Fräulein 雪 a.b..c.mp4"])
def test_unusual_name_works(atelier: Atelier, media: Media, name: str) -> None:
    clip = media.moving(1)
    job_id = atelier.upload(clip, name)
    job = atelier.wait(job_id)
    assert job["status"] == "Completed", job["error"]
    assert job["result"] == f"identity/{name}"
    assert psnr(evidence(clip).luma, evidence(atelier.result(job_id)).luma) > 38


def test_damage_in_the_middle_ends_by_the_rule(atelier: Atelier, media: Media) -> None:
    clip = media.damaged()
    job_id = atelier.upload(clip, "damaged.mp4")
    job = atelier.wait(job_id)
    if job["status"] == "Failed":
        assert "decoded" in job["error"]["detail"]
    else:
        assert len(evidence(atelier.result(job_id)).times) == job["frames"]["total"]
        assert any("decode" in note for note in job["notes"])


def prove_refused(atelier: Atelier, job_id: str, sentence: str, attempts: int = 0) -> dict:
    job = atelier.wait(job_id)
    assert job["status"] == "Failed"
    assert job["stage"] == "failed"
    assert job["attempt"] == attempts
    assert sentence in job["error"]["detail"]
    assert "\n" not in job["error"]["detail"]
    stem = job["name"].rpartition(".")[0]
    report = atelier.container("results").download_blob(f"{job['style']}/{stem}.error.json")
    assert json.loads(report.readall())["error"] == job["error"]["detail"]
    return job
