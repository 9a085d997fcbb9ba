"""The HTTP API, asked through the real Functions worker library."""

import base64
import hashlib
import json
import time
from collections.abc import Callable, Generator
from dataclasses import asdict, replace
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import pytest
from durabletask.task import RetryPolicy

from function_app import execution
from function_app.activities import Grant, Look
from function_app.api.view import view
from function_app.errors import Code
from function_app.store import paths, storage, styles
from function_app.store.jobs import Job, Work
from function_app.store.results import JOB_ID, PROXY, SWATCHES
from function_app.triggers import start
from gpu_worker.plan import PREVIEW_NAME
from tests.function_app.clips import Clips
from tests.function_app.hub import Hub, ended, running_hub
from tests.function_app.made_styles import style_file
from tests.function_app.wire import Message, Worker, blob, body, durable_client, http

type Upload = Callable[..., Job]

OF_ONE_JOB = (
    "get_job", "post_cancel", "delete_job",
    "get_result", "get_source", "get_before", "get_preview", "get_poster", "get_sheet",
    "get_swatch",
)  # fmt: skip

# What reads the state of an instance does so in a way that azure-functions will drop.
pytestmark = pytest.mark.filterwarnings("ignore:.*expected_type:DeprecationWarning")


@pytest.fixture
def job(clips: Clips, upload: Upload) -> Job:
    return upload(clips["plain.mp4"], "wire.mp4")


@pytest.mark.usefixtures("style")
def test_get_styles_lists_the_styles(worker: Worker) -> None:
    assert listed_style(worker, "plain") == {
        "name": "plain",
        "state": "ready",
        "painting": None,
        "thumbnail": None,
        "flop_per_pixel": None,
        "kind": "frames",
        "message": "",
        "job": None,
        "shipped": False,
    }


def listed_style(worker: Worker, name: str) -> dict[str, Any]:
    answer = worker.call("get_styles", req=http("GET", "/api/styles"))
    (style,) = [each for each in body(answer)["styles"] if each["name"] == name]
    return style


@pytest.mark.parametrize("kind", ["painting", "thumbnail"])
def test_a_style_shows_what_its_file_says(worker: Worker, kind: str) -> None:
    shown = listed_style(worker, "scream")
    assert shown["flop_per_pixel"] > 0
    assert shown[kind] == f"/api/styles/scream/{kind}"
    picture = worker.call(f"get_{kind}", req=http("GET", shown[kind], name="scream"))
    assert picture.http.headers["content-type"].startswith("image/jpeg")
    assert picture.http.body.bytes.startswith(b"\xff\xd8")


def test_what_is_learnt_from_no_painting_shows_none(worker: Worker) -> None:
    shown = listed_style(worker, "identity")
    assert (shown["painting"], shown["flop_per_pixel"]) == (None, 0)
    answer = worker.call("get_painting", req=http("GET", "/", name="identity"))
    assert (answer.http.status_code, body(answer)["code"]) == ("404", "no-picture")


@pytest.mark.parametrize("text", ["", "no base64!", "bm8gcGljdHVyZQ=="])
def test_a_thumbnail_of_no_use_is_none(worker: Worker, text: str) -> None:
    storage.write(paths.STYLES, paths.style("odd"), style_file(thumbnail=text), "")
    assert listed_style(worker, "odd")["thumbnail"] is None
    answer = worker.call("get_thumbnail", req=http("GET", "/", name="odd"))
    assert (answer.http.status_code, body(answer)["code"]) == ("404", "no-picture")


def test_the_thumbnail_of_an_unknown_style_is_not_found(worker: Worker) -> None:
    answer = worker.call("get_thumbnail", req=http("GET", "/", name="cubism"))
    assert (answer.http.status_code, body(answer)["code"]) == ("404", "no-style")


@pytest.mark.parametrize("filename", ["Starry Night.JPG", "a.jpeg", "b.png", "candy.pth"])
def test_post_style_grants_writing_what_becomes_a_style(worker: Worker, filename: str) -> None:
    wanted = {"name": "starry night", "filename": filename, "bytes": 5}
    answer = worker.call("post_style", req=http("POST", "/api/styles", wanted))
    granted = body(answer)
    assert answer.http.status_code == "201"
    assert granted["blob"] == "starry night" + Path(filename).suffix.lower()
    assert httpx.put(granted["url"], content=b"paint", headers=granted["headers"]).is_success
    assert listed_style(worker, "starry night")["state"] == "learning"
    storage.delete(paths.STYLES, granted["blob"])


@pytest.mark.parametrize(
    ("change", "status", "detail"),
    [
        ({"name": None}, "400", "name must be a text, not None"),
        ({"name": "Scream"}, "400", "Scream is a style that Atelier comes with"),
        ({"md5": "x"}, "400", "md5 cannot be 'x'"),
        ({"filename": "film.mp4"}, "400", "a style is made of a file that ends in .jpg, .jpeg,"),
        ({"filename": "painting"}, "400", "a style is made of a file that ends in"),
        ({"name": "it's"}, "400", "choose a name without slashes, quotes"),
        ({"name": "a/b"}, "400", "choose a name without slashes"),
        ({"name": ".."}, "400", "'..' is no name for a style: choose another"),
        ({"name": ""}, "400", "'' is no name for a style"),
        ({"bytes": 0}, "400", "a.jpg is empty: upload a whole one"),
        ({"bytes": 1 << 40}, "413", "a.jpg has 1099511627776 bytes, more than the 268435456"),
    ],
)
def test_post_style_refuses(worker: Worker, change: Any, status: str, detail: str) -> None:
    wanted = {"name": "new", "filename": "a.jpg", "bytes": 5} | change
    answer = worker.call("post_style", req=http("POST", "/api/styles", wanted))
    assert answer.http.status_code == status
    assert detail in body(answer)["detail"]


def wish_for(worker: Worker, name: str, content: bytes, **more: Any) -> Message:
    md5 = base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()
    wanted = {"name": name, "filename": "a.jpg", "bytes": len(content), "md5": md5, **more}
    return worker.call("post_style", req=http("POST", "/api/styles", wanted))


def learning(worker: Worker, name: str, content: bytes = b"first") -> str:
    """Have a style learnt; return the id of the job that does."""
    assert put(body(wish_for(worker, name, content)), content) == HTTPStatus.CREATED
    return listed_style(worker, name)["job"]


def test_a_style_is_replaced_only_where_that_is_wanted(worker: Worker) -> None:
    learning(worker, "mine")
    refusal = wish_for(worker, "mine", b"other")
    assert (refusal.http.status_code, body(refusal)["code"]) == ("409", "style-exists")
    assert body(refusal)["detail"] == "there is a style 'mine' already, which is being learnt"
    grant = wish_for(worker, "mine", b"other", replace=True)
    assert put(body(grant), b"other") == HTTPStatus.CREATED
    styles.forget("mine")


def test_the_same_painting_again_leads_to_the_job_that_learns_it(worker: Worker) -> None:
    job = learning(worker, "again")
    answer = wish_for(worker, "again", b"first")
    assert (answer.http.status_code, body(answer)["job"]) == ("200", job)
    styles.forget("again")


def test_a_style_that_failed_is_made_anew_without_a_question(worker: Worker) -> None:
    put(body(wish_for(worker, "once more", b"first")), b"first")
    storage.write(paths.STYLES, "once more.safetensors", b"damaged", "")
    (source,) = [each for each in styles.all_styles() if each.name == "once more"]
    storage.write(paths.STYLES, "once more.error.json", "{}", "", {JOB_ID: str(source.job_id)})
    assert wish_for(worker, "once more", b"other").http.status_code == "201"
    styles.forget("once more")


def test_deleting_a_style_ends_its_making(worker: Worker) -> None:
    learning(worker, "unwanted")
    (blob,) = storage.container(paths.STYLES).list_blobs(name_starts_with="unwanted.")
    answers = {
        "prepare_style": asdict(Work(paths.JOBS, "painting", 100, 1)),
        "take_nodes": asdict(Grant(1)),
        "submit": 0,
        "poll": asdict(Look("Running", 1)),
        "cancel": True,
        "report_failure": None,
        "clean_up": None,
    }
    with running_hub({name: answering(value) for name, value in answers.items()}) as hub:
        start(hub.client, job := Job.of_style(blob.name, blob.etag))
        request, client = http("DELETE", "/", name="unwanted"), durable_client(hub.address)
        answer = worker.call("delete_style", req=request, client=client)
        assert answer.http.status_code == "204"
        assert list(storage.names(paths.STYLES, "unwanted.")) == []
        assert ended(hub.client, job).get_output() == {"stage": "cancelled"}
        again = worker.call("delete_style", req=request, client=client)
    assert (again.http.status_code, body(again)["code"]) == ("404", "no-style")


def test_a_style_that_atelier_comes_with_stays(worker: Worker, durable: Any) -> None:
    request = http("DELETE", "/", name="identity")
    answer = worker.call("delete_style", req=request, client=durable)
    assert (answer.http.status_code, body(answer)["code"]) == ("400", "shipped-style")
    assert listed_style(worker, "identity")["shipped"]


def ask_upload(worker: Worker, durable: Any, wanted: Any) -> Any:
    return worker.call("post_upload", req=http("POST", "/api/uploads", wanted), client=durable)


def granted(worker: Worker, durable: Any, filename: str, **more: Any) -> Any:
    wanted = {"filename": filename, "style": "plain", "bytes": 5, **more}
    answer = ask_upload(worker, durable, wanted)
    assert answer.http.status_code == "201"
    return body(answer)


def put(grant: Any, content: bytes) -> int:
    return httpx.put(grant["url"], content=content, headers=grant["headers"]).status_code


@pytest.mark.usefixtures("style")
def test_post_upload_grants_writing_one_blob(worker: Worker, durable: Any) -> None:
    grant = granted(worker, durable, "holiday 1.mp4")
    assert grant["blob"] == "plain/holiday 1.mp4"
    assert put(grant, b"video") == HTTPStatus.CREATED
    assert storage.read(paths.VIDEOS, grant["blob"]) == b"video"
    other = grant | {"url": grant["url"].replace("holiday%201", "other")}
    assert put(other, b"video") == HTTPStatus.FORBIDDEN


@pytest.mark.usefixtures("style")
def test_two_videos_of_one_name_get_a_place_each(worker: Worker, durable: Any) -> None:
    first = granted(worker, durable, "card/GX1.MP4", fingerprint="a")
    second = granted(worker, durable, "card/GX1.MP4", fingerprint="b")
    assert [first["blob"], second["blob"]] == ["plain/card/GX1.MP4", "plain/card/GX1-2.MP4"]
    again = granted(worker, durable, "card/GX1.MP4", fingerprint="b")
    assert again["blob"] == second["blob"], "the same file goes on where it was going"
    assert (put(first, b"first"), put(second, b"other")) == (HTTPStatus.CREATED,) * 2
    third = granted(worker, durable, "card/GX1.MP4", fingerprint="c")
    assert third["blob"] == "plain/card/GX1-3.MP4"


@pytest.mark.usefixtures("style")
def test_a_video_is_replaced_where_that_is_wanted(worker: Worker, durable: Any) -> None:
    put(granted(worker, durable, "old.mp4", fingerprint="a"), b"first")
    grant = granted(worker, durable, "old.mp4", fingerprint="b", replace=True)
    assert grant["blob"] == "plain/old.mp4"
    assert put(grant, b"other") == HTTPStatus.CREATED


@pytest.mark.usefixtures("style")
def test_a_video_that_is_on_its_way_may_be_replaced_too(worker: Worker, durable: Any) -> None:
    first = granted(worker, durable, "going.mp4", fingerprint="a")
    second = granted(worker, durable, "going.mp4", fingerprint="b", replace=True)
    assert first["blob"] == second["blob"]
    assert (put(second, b"other"), put(first, b"first")) == (
        HTTPStatus.CREATED,
        HTTPStatus.CONFLICT,
    )


@pytest.mark.usefixtures("style")
def test_who_does_not_say_what_is_in_a_file_is_taken_at_its_size(
    worker: Worker, durable: Any
) -> None:
    put(granted(worker, durable, "unsaid.mp4", bytes=5), b"first")
    assert granted(worker, durable, "unsaid.mp4", bytes=6)["blob"] == "plain/unsaid-2.mp4"
    assert granted(worker, durable, "unsaid.mp4", bytes=5)["blob"] == "plain/unsaid.mp4"


@pytest.mark.usefixtures("style")
def test_an_upload_takes_its_options_along(worker: Worker, durable: Any) -> None:
    wanted = {"filename": "options.mp4", "style": "plain", "bytes": 5}
    options = {"strength": 0.5, "preserve_colour": True, "container": "mkv"}
    grant = body(ask_upload(worker, durable, wanted | options))
    put(grant, b"video")
    properties = storage.blob(paths.VIDEOS, grant["blob"]).get_blob_properties()
    assert properties.metadata == {
        "strength": "0.5",
        "preserve_colour": "true",
        "container": "mkv",
    }


@pytest.mark.usefixtures("style")
def test_an_upload_that_is_sent_twice_is_written_once(worker: Worker, durable: Any) -> None:
    grant, same = granted(worker, durable, "twice.mp4"), granted(worker, durable, "twice.mp4")
    assert put(grant, b"first") == HTTPStatus.CREATED
    assert put(grant, b"again") == HTTPStatus.CONFLICT
    assert put(same, b"again") == HTTPStatus.CONFLICT
    assert storage.read(paths.VIDEOS, grant["blob"]) == b"first"


@pytest.mark.usefixtures("style")
def test_an_upload_replaces_the_version_that_it_was_granted(worker: Worker, durable: Any) -> None:
    put(granted(worker, durable, "new.mp4"), b"first")
    grant = granted(worker, durable, "new.mp4")
    assert put(grant, b"second") == HTTPStatus.CREATED
    assert put(grant, b"third") == HTTPStatus.PRECONDITION_FAILED
    assert storage.read(paths.VIDEOS, grant["blob"]) == b"second"


MD5_OF_VIDEO = base64.b64encode(hashlib.md5(b"video", usedforsecurity=False).digest()).decode()


@pytest.mark.usefixtures("style")
def test_an_upload_of_the_same_again_leads_to_its_job(
    worker: Worker, durable: Any, idle_hub: Hub
) -> None:
    grant = granted(worker, durable, "same.mp4", md5=MD5_OF_VIDEO)
    put(grant, b"video")
    etag = str(storage.blob(paths.VIDEOS, grant["blob"]).get_blob_properties().etag)
    start(idle_hub.client, job := Job.of(grant["blob"], etag))
    wanted = {"filename": "same.mp4", "style": "plain", "bytes": 5, "md5": MD5_OF_VIDEO}
    again = ask_upload(worker, durable, wanted)
    assert (again.http.status_code, body(again)["job"]) == ("200", job.job_id)
    for other in (
        {"md5": "x" * 22 + "=="},
        {"strength": 0.5},
        {"preserve_colour": True},
        {"container": "mkv"},
    ):
        assert ask_upload(worker, durable, wanted | other).http.status_code == "201"


@pytest.mark.usefixtures("style")
def test_an_upload_of_what_failed_may_be_tried_again(worker: Worker, durable: Any) -> None:
    put(granted(worker, durable, "failed.mp4", md5=MD5_OF_VIDEO), b"video")
    blob = storage.blob(paths.VIDEOS, "plain/failed.mp4")
    with running_hub({}) as hub:
        start(hub.client, job := Job.of(blob.blob_name, str(blob.get_blob_properties().etag)))
        ended(hub.client, job)
        granted(worker, durable_client(hub.address), "failed.mp4", md5=MD5_OF_VIDEO)


def test_an_upload_is_painted_anew_where_its_style_is_another_by_now(
    worker: Worker, durable: Any, style: str
) -> None:
    put(granted(worker, durable, "older.mp4", md5=MD5_OF_VIDEO), b"video")
    blob = storage.blob(paths.VIDEOS, "plain/older.mp4")
    job = Job.of(blob.blob_name, str(blob.get_blob_properties().etag))
    wanted = {"filename": "older.mp4", "style": "plain", "bytes": 5, "md5": MD5_OF_VIDEO}
    with running_hub(painting(job)) as hub:
        start(hub.client, job)
        ended(hub.client, job)
        client = durable_client(hub.address)
        assert body(ask_upload(worker, client, wanted))["job"] == job.job_id
        time.sleep(1.1)  # storage tells times by the second
        storage.write(paths.STYLES, paths.style(style), style_file(), "application/octet-stream")
        assert ask_upload(worker, client, wanted).http.status_code == "201"


@pytest.mark.parametrize(
    ("wanted", "status", "detail"),
    [
        (None, "400", "the body is not JSON"),
        ([], "400", "the body must be a JSON object, not []"),
        ({"filename": "a.mp4", "style": "plain"}, "400", "bytes is missing from the body"),
        (
            {"filename": "a.mp4", "style": "plain", "bytes": "x"},
            "400",
            "bytes must be a whole number, not 'x'",
        ),
        (
            {"filename": "a.mp4", "style": "plain", "bytes": True},
            "400",
            "bytes must be a whole number, not True",
        ),
        ({"filename": "\ud800.mp4", "style": "plain", "bytes": 1}, "400", "rename the video"),
        ({"filename": "a" * 500, "style": "s" * 500, "bytes": 1}, "400", "rename the video"),
        ({"filename": 'a".mp4', "style": "plain", "bytes": 1}, "400", "rename the video"),
        ({"filename": "../a.mp4", "style": "plain", "bytes": 1}, "400", "rename the video"),
        (
            {"filename": "a.mp4", "style": "plain", "bytes": 1, "strength": 2},
            "400",
            "strength must be 1",
        ),
        (
            {"filename": "a.mp4", "style": "plain", "bytes": 1, "strenght": 0.5},
            "400",
            "there is no field 'strenght': known are filename, style, bytes, strength, ",
        ),
        (
            {"filename": "a.mp4", "style": "plain", "bytes": 1, "container": "avi"},
            "400",
            "container must be one of mp4, mkv, not 'avi'",
        ),
        ({"filename": "a.mp4", "style": "plane", "bytes": 1}, "400", "did you mean 'plain'?"),
        ({"filename": "a.mp4", "style": "", "bytes": 1}, "400", "style is empty"),
        (
            {"filename": "a" * 501, "style": "plain", "bytes": 1},
            "400",
            "filename must have 500 characters or fewer, not 501",
        ),
        ({"filename": "a.mp4", "style": "plain", "bytes": 0}, "400", "a.mp4 is empty"),
        ({"filename": "a.mp4", "style": "none", "bytes": 1}, "400", "there is no style 'none'"),
        (
            {"filename": "a.mp4", "style": "plain", "bytes": 1 << 50},
            "413",
            "a.mp4 has 1125899906842624 bytes",
        ),
    ],
)
@pytest.mark.usefixtures("style")
def test_post_upload_refuses(
    worker: Worker, durable: Any, wanted: Any, status: str, detail: str
) -> None:
    answer = ask_upload(worker, durable, wanted)
    assert answer.http.status_code == status
    assert answer.http.headers["content-type"].startswith("application/problem+json")
    assert body(answer)["detail"].startswith(detail) or detail in body(answer)["detail"]


def listed(worker: Worker, durable: Any, query: str) -> Any:
    return body(worker.call("get_jobs", req=http("GET", f"/api/jobs?{query}"), client=durable))


def ids(listing: Any) -> list[str]:
    return [job["id"] for job in listing["jobs"]]


def test_get_jobs_lists_and_narrows(
    worker: Worker, durable: Any, idle_hub: Hub, upload: Upload
) -> None:
    first, second = upload(b"1", "list one.mp4"), upload(b"2", "two.mp4")
    other = upload(b"3", "two.mp4", style="other")
    for job in (first, second, other):
        start(idle_hub.client, job)

    def found(query: str) -> list[str]:
        return ids(listed(worker, durable, query))

    assert found("")[:3] == [other.job_id, second.job_id, first.job_id]
    assert found("top=1") == [other.job_id]
    assert found("video=plain/two.mp4") == [second.job_id]
    assert found("style=other") == [other.job_id]
    assert first.job_id in found("status=Pending")
    assert first.job_id in found("status=Completed,Pending")
    assert found("status=Completed") == []


def test_get_jobs_gives_every_job_on_one_page_of_many(
    worker: Worker, durable: Any, idle_hub: Hub, upload: Upload
) -> None:
    jobs = [upload(b"4", f"page {number}.mp4", style="paged") for number in range(5)]
    for job in jobs:
        start(idle_hub.client, job)
    seen, cursor = [], ""
    while cursor is not None:
        page = listed(worker, durable, f"style=paged&top=2&cursor={cursor}")
        seen += ids(page)
        cursor = page["next"]
    assert seen == [job.job_id for job in reversed(jobs)]


def test_polling_costs_an_answer_only_where_there_is_news(
    worker: Worker, durable: Any, idle_hub: Hub, upload: Upload
) -> None:
    job = upload(b"", "poll.mp4")

    def ask(name: str, tag: str, client: Any = durable) -> Any:
        request = http("GET", "/", headers={"if-none-match": tag}, id=job.job_id)
        return worker.call(name, req=request, client=client).http

    start(idle_hub.client, job)
    tags = {name: ask(name, "").headers["ETag"] for name in ("get_job", "get_jobs")}
    for name, tag in tags.items():
        unchanged = ask(name, f'"other", {tag}')
        assert (unchanged.status_code, unchanged.body.bytes) == ("304", b"")
        assert unchanged.headers["ETag"] == tag
    with running_hub({}) as hub:
        start(hub.client, job)
        ended(hub.client, job)
        for name, tag in tags.items():
            assert ask(name, tag, durable_client(hub.address)).status_code == "200"


@pytest.mark.parametrize(
    "query", ["status=Painted", "top=0", "top=x", "top=1001", "cursor=x", "cursor=bm8"]
)
def test_get_jobs_refuses(worker: Worker, durable: Any, query: str) -> None:
    request = http("GET", f"/api/jobs?{query}")
    answer = worker.call("get_jobs", req=request, client=durable)
    assert (answer.http.status_code, body(answer)["code"]) == ("400", "bad-request")


def test_get_job_tells_how_a_job_stands(
    worker: Worker, durable: Any, idle_hub: Hub, upload: Upload
) -> None:
    job = upload(b"3", "stands.mp4")
    start(idle_hub.client, job)
    request = http("GET", f"/api/jobs/{job.job_id}", id=job.job_id)
    view = body(worker.call("get_job", req=request, client=durable))
    assert view["id"] == job.job_id
    assert (view["style"], view["name"], view["status"]) == ("plain", "stands.mp4", "Pending")
    assert (view["stage"], view["result"], view["error"]) == ("preprocess", None, None)


@pytest.mark.parametrize("name", OF_ONE_JOB)
def test_a_job_that_is_not_there_is_not_found(worker: Worker, durable: Any, name: str) -> None:
    request = http("POST" if name == "post_cancel" else "GET", "/api/jobs/none", id="none")
    answer = worker.call(name, req=request, client=durable)
    assert answer.http.status_code == "404"
    assert body(answer) == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "code": "no-job",
        "detail": "there is no job 'none'",
        "action": "List the jobs that there are.",
        "job": "none",
    }


def test_post_cancel_accepts(worker: Worker, durable: Any, idle_hub: Hub, upload: Upload) -> None:
    job = upload(b"4", "cancel.mp4")
    start(idle_hub.client, job)
    request = http("POST", f"/api/jobs/{job.job_id}/cancel", id=job.job_id)
    assert worker.call("post_cancel", req=request, client=durable).http.status_code == "202"


def test_a_job_that_failed_says_why_and_cannot_be_cancelled(worker: Worker, upload: Upload) -> None:
    job = upload(b"", "empty.mp4")
    with running_hub({}) as hub:
        start(hub.client, job)
        ended(hub.client, job)
        request, client = http("GET", "/", id=job.job_id), durable_client(hub.address)
        view = body(worker.call("get_job", req=request, client=client))
        refusal = worker.call("post_cancel", req=request, client=client)
    assert (view["status"], view["stage"]) == ("Failed", "failed")
    assert view["error"] == {
        "code": "empty-video",
        "detail": "empty.mp4 is empty: upload a whole one",
        "action": None,
    }
    assert (refusal.http.status_code, body(refusal)["code"]) == ("409", "job-ended")


def test_a_job_that_a_service_failed_says_what_to_do(worker: Worker, upload: Upload) -> None:
    job = upload(b"4", "unlucky.mp4")
    work = asdict(Work(paths.VIDEOS, job.video.blob, 48, 1))
    grant = asdict(Grant(1))
    looks = asdict(Look("Failed"))
    answers = {"preprocess": work, "take_nodes": grant, "submit": 0, "poll": looks}
    with running_hub({name: answering(value) for name, value in answers.items()}) as hub:
        start(hub.client, job)
        ended(hub.client, job)
        request, client = http("GET", "/", id=job.job_id), durable_client(hub.address)
        error = body(worker.call("get_job", req=request, client=client))["error"]
    assert (error["code"], error["action"]) == ("painting-failed", Code.PAINTING_FAILED.action)
    assert error["detail"].startswith("painting failed 3 times")


def test_an_error_is_the_same_from_a_hub_that_keeps_but_a_text(upload: Upload) -> None:
    job = upload(b"", "empty.mp4")
    with running_hub({}) as hub:
        start(hub.client, job)
        state = ended(hub.client, job)
    text = f"function_app.errors.InputError: {state.get_custom_status()['message']}"
    kept = replace(state, failure_details=None, serialized_output=text)
    assert view(kept)["error"] == view(state)["error"]
    assert view(kept)["error"]["code"] == "empty-video"


def test_what_ended_a_job_before_it_could_say_why_is_told(
    upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> None:
        raise OSError("the disk is full\nTraceback: much")

    once = RetryPolicy(first_retry_interval=timedelta(milliseconds=1), max_number_of_attempts=1)
    monkeypatch.setattr(execution, "RETRY", once)
    job = upload(b"", "untold.mp4")
    with running_hub({"report_failure": broken}) as hub:
        start(hub.client, job)
        state = ended(hub.client, job)
    sentence = "the job could not go on: report_failure failed: the disk is full"
    text = f"function_app.errors.ServiceError: {sentence.partition(': ')[2]}\nmore"
    for kept in (state, replace(state, failure_details=None, serialized_output=text)):
        assert view(kept)["error"] == {
            "code": "service-failed",
            "detail": sentence,
            "action": Code.SERVICE_FAILED.action,
        }


@pytest.mark.parametrize("given", [{}, None, [], {"job": {}, "work": 1}, {"work": None}])
def test_an_instance_that_was_started_by_hand_is_no_job(
    worker: Worker, durable: Any, idle_hub: Hub, upload: Upload, given: Any
) -> None:
    start(idle_hub.client, job := upload(b"7", "beside.mp4"))
    by_hand = idle_hub.client.schedule_new_orchestration("restyle", input=given)
    shown = ids(listed(worker, durable, ""))
    assert job.job_id in shown
    assert by_hand not in shown
    for name in OF_ONE_JOB:
        request = http("POST" if name == "post_cancel" else "GET", "/", id=by_hand)
        answer = worker.call(name, req=request, client=durable)
        assert (answer.http.status_code, body(answer)["code"]) == ("404", "no-job")


def painting(job: Job) -> dict[str, Any]:
    """The activities of a hub by which a job is painted at once."""
    answers = {
        "preprocess": asdict(Work(paths.VIDEOS, job.video.blob, 48, 1)),
        "take_nodes": asdict(Grant(1)),
        "submit": 0,
        "poll": asdict(Look("Completed", 48)),
        "stitch": "",
        "clean_up": None,
    }
    return {name: answering(value) for name, value in answers.items()}


@pytest.fixture
def done(job: Job) -> Generator[tuple[Job, Message]]:
    """A job that is done, with its files, and the client of the hub that did it."""
    result = storage.blob(paths.RESULTS, job.video.painted)
    result.upload_blob(b"painted", overwrite=True, metadata={JOB_ID: job.job_id})
    storage.write(paths.RESULTS, job.video.poster, b"poster", "image/jpeg")
    storage.write(paths.RESULTS, job.video.sheet, b"sheet", "image/jpeg")
    with running_hub(painting(job)) as hub:
        start(hub.client, job)
        ended(hub.client, job)
        yield job, durable_client(hub.address)


def test_a_job_that_is_done_shows_what_it_made(worker: Worker, done: tuple[Job, Message]) -> None:
    job, client = done

    def ask(name: str) -> Any:
        return worker.call(name, req=http("GET", "/", id=job.job_id), client=client)

    view = body(ask("get_job"))
    assert (view["status"], view["result"]) == ("Completed", "plain/wire.mp4")
    result, source = ask("get_result").http, ask("get_source").http
    assert (result.status_code, source.status_code) == ("302", "302")
    assert httpx.get(result.headers["Location"]).content == b"painted"
    video = httpx.get(source.headers["Location"]).content
    assert video == storage.read(paths.VIDEOS, job.video.blob)
    assert ask("get_preview").http.body.bytes == b"poster"
    assert ask("get_poster").http.body.bytes == b"poster"
    assert ask("get_sheet").http.body.bytes == b"sheet"


def test_a_result_that_another_replaced_is_not_given_for_the_jobs_own(
    worker: Worker, done: tuple[Job, Message]
) -> None:
    job, client = done
    result = storage.blob(paths.RESULTS, job.video.painted)
    result.upload_blob(b"another", overwrite=True, metadata={JOB_ID: "wire-of-a-later-upload"})
    for name, code in (("get_result", "result-gone"), ("get_poster", "no-picture")):
        answer = worker.call(name, req=http("GET", "/", id=job.job_id), client=client)
        assert (answer.http.status_code, body(answer)["code"]) == ("404", code)
    storage.delete_all(paths.RESULTS, "plain/wire.")


def test_who_cannot_follow_a_redirect_gets_the_url(
    worker: Worker, done: tuple[Job, Message]
) -> None:
    job, client = done
    request = http("GET", "/", headers={"accept": "application/json"}, id=job.job_id)
    answer = worker.call("get_result", req=request, client=client)
    assert answer.http.status_code == "200"
    assert httpx.get(body(answer)["url"]).content == b"painted"


def test_a_download_is_saved_under_the_name_of_its_file(
    worker: Worker, done: tuple[Job, Message]
) -> None:
    job, client = done
    for query, disposition in (
        ("?download=true", "attachment; filename*=UTF-8''wire.plain.mp4"),
        ("", None),
    ):
        request = http("GET", f"/{query}", id=job.job_id)
        url = worker.call("get_result", req=request, client=client).http.headers["Location"]
        assert httpx.get(url).headers.get("Content-Disposition") == disposition


def test_a_copy_for_browsers_is_given_where_there_is_one(
    worker: Worker, done: tuple[Job, Message]
) -> None:
    job, client = done
    request = http("GET", "/", id=job.job_id)
    assert worker.call("get_before", req=request, client=client).http.status_code == "404"
    storage.write(paths.RESULTS, paths.beside(job.video.painted, PROXY), b"small", "video/mp4")
    answer = worker.call("get_before", req=request, client=client).http
    assert httpx.get(answer.headers["Location"]).content == b"small"


def test_a_swatch_is_given_where_there_is_one(worker: Worker, done: tuple[Job, Message]) -> None:
    job, client = done

    def ask(style: str) -> Any:
        request = http("GET", "/", id=job.job_id, style=style)
        return worker.call("get_swatch", req=request, client=client).http

    assert ask("scream").status_code == "204"
    there = paths.beside(job.video.painted, SWATCHES)
    made = json.dumps({"scream": base64.b64encode(b"swatch").decode()})
    storage.write(paths.RESULTS, there, made, "application/json")
    assert (ask("scream").body.bytes, ask("great_wave").status_code) == (b"swatch", "204")
    storage.write(paths.RESULTS, there, made[:9], "application/json")
    assert ask("scream").status_code == "204"
    storage.delete(paths.RESULTS, there)


def test_a_redirect_grants_reading_alone(worker: Worker, done: tuple[Job, Message]) -> None:
    job, client = done
    request = http("GET", "/", id=job.job_id)
    url = worker.call("get_result", req=request, client=client).http.headers["Location"]
    refusal = httpx.put(url, content=b"x", headers={"x-ms-blob-type": "BlockBlob"})
    assert refusal.status_code == HTTPStatus.FORBIDDEN


def test_a_video_that_was_deleted_is_no_source(worker: Worker, done: tuple[Job, Message]) -> None:
    job, client = done
    storage.delete(paths.VIDEOS, job.video.blob)
    answer = worker.call("get_source", req=http("GET", "/", id=job.job_id), client=client)
    assert (answer.http.status_code, body(answer)["code"]) == ("404", "no-source")


def test_delete_job_forgets_it_and_its_files(worker: Worker, done: tuple[Job, Message]) -> None:
    job, client = done
    request = http("DELETE", "/", id=job.job_id)
    assert worker.call("delete_job", req=request, client=client).http.status_code == "204"
    assert worker.call("get_job", req=request, client=client).http.status_code == "404"
    assert list(storage.names(paths.RESULTS, "plain/wire.")) == []
    assert storage.blob(paths.VIDEOS, job.video.blob).exists()
    event = blob("DATA", paths.VIDEOS, job.video.blob)
    worker.call("on_video_uploaded", video=event, client=client)
    assert worker.call("get_job", req=request, client=client).http.status_code == "404"


@pytest.mark.parametrize(("query", "stays"), [("", True), ("?upload=true", False)])
def test_delete_job_takes_the_upload_where_that_is_said(
    worker: Worker, done: tuple[Job, Message], query: str, stays: bool
) -> None:
    job, client = done
    request = http("DELETE", f"/{query}", id=job.job_id)
    assert worker.call("delete_job", req=request, client=client).http.status_code == "204"
    assert storage.blob(paths.VIDEOS, job.video.blob).exists() is stays


def test_delete_job_spares_what_was_written_over_its_upload(
    worker: Worker, done: tuple[Job, Message]
) -> None:
    job, client = done
    storage.write(paths.VIDEOS, job.video.blob, b"later", "video/mp4")
    request = http("DELETE", "/?upload=true", id=job.job_id)
    assert worker.call("delete_job", req=request, client=client).http.status_code == "204"
    assert storage.read(paths.VIDEOS, job.video.blob) == b"later"


def test_delete_job_spares_the_result_of_a_later_upload(
    worker: Worker, done: tuple[Job, Message]
) -> None:
    job, client = done
    result = storage.blob(paths.RESULTS, job.video.painted)
    result.set_blob_metadata({JOB_ID: "wire-of-a-later-upload"})
    worker.call("delete_job", req=http("DELETE", "/", id=job.job_id), client=client)
    assert len(list(storage.names(paths.RESULTS, "plain/wire."))) == 3
    storage.delete_all(paths.RESULTS, "plain/wire.")


def test_delete_job_refuses_one_that_goes_on(
    worker: Worker, durable: Any, idle_hub: Hub, upload: Upload
) -> None:
    start(idle_hub.client, job := upload(b"6", "goes on.mp4"))
    answer = worker.call("delete_job", req=http("DELETE", "/", id=job.job_id), client=durable)
    assert (answer.http.status_code, body(answer)["code"]) == ("409", "job-running")


def answering(value: Any) -> Callable[[Any], Any]:
    return lambda _: {"value": value}


def test_get_result_and_get_preview_say_that_there_is_none_yet(
    worker: Worker, durable: Any, idle_hub: Hub, upload: Upload
) -> None:
    job = upload(b"5", "early.mp4")
    start(idle_hub.client, job)
    request = http("GET", f"/api/jobs/{job.job_id}", id=job.job_id)
    answer = worker.call("get_result", req=request, client=durable)
    assert (answer.http.status_code, body(answer)["code"]) == ("404", "no-result")
    answer = worker.call("get_preview", req=request, client=durable)
    assert answer.http.status_code == "204"


def test_a_job_that_ended_without_a_picture_has_none(worker: Worker, upload: Upload) -> None:
    job = upload(b"", "no picture.mp4")
    with running_hub({}) as hub:
        start(hub.client, job)
        ended(hub.client, job)
        request, client = http("GET", "/", id=job.job_id), durable_client(hub.address)
        answer = worker.call("get_preview", req=request, client=client)
    assert (answer.http.status_code, body(answer)["code"]) == ("404", "no-picture")


def test_get_preview_answers_with_the_latest_frame(
    worker: Worker, durable: Any, idle_hub: Hub, upload: Upload
) -> None:
    job = upload(b"6", "preview.mp4")
    start(idle_hub.client, job)
    whole = b"picture\xff\xd9"  # a JPEG ends in that
    storage.write(paths.JOBS, job.folder.output(PREVIEW_NAME), whole, "image/jpeg")
    request = http("GET", f"/api/jobs/{job.job_id}/preview", id=job.job_id)
    answer = worker.call("get_preview", req=request, client=durable)
    assert answer.http.body.bytes == whole
    assert answer.http.headers["content-type"].startswith("image/jpeg")
