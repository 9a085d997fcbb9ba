"""The gallery: how jobs stand, what can be done with them, and that there may be many."""

import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect

from tests.end_to_end.browser.conftest import Visit
from tests.end_to_end.conftest import Atelier
from tests.end_to_end.media import Media

type Files = Callable[[str, bytes], Path]

RUNNING = re.compile("Pending|Running")
PICTURE = io.BytesIO()
Image.new("RGB", (64, 40), "teal").save(PICTURE, "JPEG")


def test_progress_moves_and_a_preview_appears_while_a_video_is_painted(
    visit: Visit, atelier: Atelier, media: Media
) -> None:
    visitor = visit()
    atelier.upload(media.moving(40, rate=2), "progress.mp4", "slow")
    work = visitor.work("progress.mp4")
    expect(work.get_by_text("Painting")).to_be_visible()
    work.scroll_into_view_if_needed()  # pictures that nobody sees are not loaded
    expect(work.locator("img")).to_be_visible()
    bar = work.locator("progress")
    visitor.wait_until(lambda: bar.evaluate("(bar) => bar.position") > 0)
    before = bar.evaluate("(bar) => bar.position")
    visitor.wait_until(lambda: bar.evaluate("(bar) => bar.position") > before)
    expect(work).to_contain_text("of 80 frames")
    visitor.press("Cancel", "progress.mp4")
    expect(work).to_have_attribute("data-status", "Cancelled")


def test_cancel_ends_a_job(visit: Visit, atelier: Atelier, media: Media) -> None:
    job_id = atelier.upload(media.moving(4), "cancelled.mp4", "slow")
    visitor = visit()
    work = visitor.work("cancelled.mp4")
    visitor.press("Cancel", "cancelled.mp4")
    expect(work).to_have_attribute("data-status", "Cancelled")
    expect(visitor.page.locator("#announcements")).to_have_text("cancelled.mp4 is cancelled.")
    visitor.press("Delete", "cancelled.mp4")
    question = visitor.page.get_by_role("dialog", name="Delete this work?")
    expect(question).to_contain_text("cancelled.mp4: Nothing was painted of it.")
    question.get_by_role("button", name="Keep it").click()
    job = atelier.job(job_id)
    assert job
    assert job["status"] == "Cancelled"


def test_a_bad_file_shows_what_is_wrong_and_what_to_do(visit: Visit, files: Files) -> None:
    visitor = visit()
    visitor.drop(files("notes.mp4", b"these are my notes"))
    work = visitor.work("notes.mp4")
    expect(work).to_contain_text("notes.mp4 is text, not a video: upload a video")
    expect(work.get_by_role("button", name="Not painted")).to_be_disabled()


def test_a_reload_forgets_nothing(visit: Visit, atelier: Atelier, media: Media) -> None:
    visitor = visit()
    atelier.upload(media.moving(4), "reloaded.mp4", "slow")
    expect(visitor.work("reloaded.mp4")).to_have_attribute("data-status", RUNNING)
    visitor.page.reload()
    work = visitor.work("reloaded.mp4")
    expect(work).to_have_attribute("data-status", RUNNING)
    visitor.press("Cancel", "reloaded.mp4")
    expect(work).to_have_attribute("data-status", "Cancelled")


def test_a_second_window_shows_the_jobs_of_the_first(visit: Visit, files: Files) -> None:
    second, first = visit(), visit()
    first.drop(files("shared.mp4", b"no video"))
    expect(second.work("shared.mp4")).to_have_attribute("data-status", "Failed")


def test_delete_asks_first(visit: Visit, atelier: Atelier) -> None:
    job_id = atelier.upload(b"no video", "unwanted.mp4")
    atelier.wait(job_id)
    visitor = visit()
    work, dialog = visitor.work("unwanted.mp4"), visitor.page.locator("#ask-removal")
    visitor.press("Delete", "unwanted.mp4")
    dialog.get_by_role("button", name="Keep it").click()
    expect(dialog).not_to_be_visible()
    expect(work).to_be_visible()
    visitor.press("Delete", "unwanted.mp4")
    dialog.get_by_role("button", name="Delete").click()
    expect(work).to_have_count(0)
    assert atelier.job(job_id) is None


def test_a_download_has_the_names_of_the_video_and_the_style(
    visit: Visit, atelier: Atelier, media: Media
) -> None:
    job_id = atelier.upload(media.moving(2), "to keep.mp4")
    visitor = visit()
    visitor.wait_until_painted("to keep.mp4")
    with visitor.page.expect_download() as download:
        visitor.press("Download", "to keep.mp4")
    assert download.value.suggested_filename == "to keep.identity.mp4"
    assert download.value.path().read_bytes() == atelier.result(job_id)


def test_the_wall_can_be_narrowed(visit: Visit, atelier: Atelier) -> None:
    atelier.wait(atelier.upload(b"no video", "narrow.mp4"))
    visitor = visit()
    expect(visitor.work("narrow.mp4")).to_be_visible()
    visitor.page.get_by_role("combobox", name="Show").select_option("waiting")
    expect(visitor.work("narrow.mp4")).to_have_count(0)
    expect(visitor.page.locator("#count")).to_have_text("")
    visitor.page.get_by_role("combobox", name="Show").select_option("failed")
    expect(visitor.work("narrow.mp4")).to_be_visible()


@pytest.fixture
def many() -> "Many":
    return Many(1000)


class Many:
    """So many jobs, page by page as the API gives them; that they are painted would take hours."""

    def __init__(self, count: int) -> None:
        self.jobs = [made_up(number) for number in range(count)]
        self.missed: list[dict[str, str]] = []
        self.asked: list[str] = []

    def hang(self, page: Page) -> None:
        page.route("**/api/jobs?*", self._answer)
        page.route("**/api/jobs/*/poster", self._refuse)

    def _answer(self, route: Route) -> None:
        query = parse_qs(urlsplit(route.request.url).query)
        start, top = int(query.get("cursor", ["0"])[0]), int(query["top"][0])
        wanted = query.get("status")
        jobs = [job for job in self.jobs if not wanted or job["status"] in wanted]
        following = str(start + top) if start + top < len(jobs) else None
        page = {"jobs": jobs[start : start + top], "next": following}
        body = page | {"missed": self.missed}
        tag = f'W/"{hash(json.dumps(body))}"'
        if route.request.headers.get("if-none-match") == tag:
            route.fulfill(status=304)
        else:
            route.fulfill(json=body, headers={"ETag": tag})

    def _refuse(self, route: Route) -> None:
        self.asked.append(route.request.url)
        route.fulfill(status=404, json={"code": "no-picture", "detail": "none"})


def made_up(number: int) -> dict[str, Any]:
    return {
        "id": f"job-{number:04d}",
        "style": "scream",
        "name": f"video {number:04d}.mp4",
        "video": f"scream/video {number:04d}.mp4",
        "status": "Completed",
        "stage": "done",
        "frames": {"done": 100, "total": 100},
        "fps": None,
        "eta_s": None,
        "attempt": 1,
        "nodes": 1,
        "message": "",
        "notes": [],
        "options": {"strength": 1.0, "preserve_colour": False, "container": "mp4"},
        "cost": None,
        "created": "2026-01-01T00:00:00Z",
        "updated": "2026-01-01T00:01:00Z",
        "duration_s": 60.0,
        "result": f"scream/video {number:04d}.mp4",
        "error": None,
    }


def test_a_work_tells_its_figures(visit: Visit, many: Many) -> None:
    painting = {"status": "Running", "stage": "score", "fps": 12.34, "eta_s": 75.2, "nodes": 3}
    waiting = {"status": "Pending", "stage": "queue", "message": "2 jobs are before this one"}
    many.jobs[0] |= painting | {"frames": {"done": 40, "total": 965}, "result": None}
    many.jobs[0] |= {"cost": {"estimate": 0.2, "spent": 0.043, "currency": "EUR"}}
    many.jobs[1] |= waiting | {"result": None}
    visitor = visit(path="about:blank")
    many.hang(visitor.page)
    visitor.open()
    expect(visitor.work("video 0000.mp4")).to_contain_text(
        "40 of 965 frames · 12.3 a second · 1 min left · 3 machines · €0.043 of about €0.20"
    )
    expect(visitor.work("video 0001.mp4")).to_contain_text("2 jobs are before this one")
    expect(visitor.work("video 0002.mp4")).to_contain_text("100 frames in 1 min")


def test_a_work_tells_how_it_is_painted_where_that_is_not_the_usual(
    visit: Visit, many: Many
) -> None:
    many.jobs[1]["options"] = {"strength": 0.6, "preserve_colour": True, "container": "mkv"}
    many.jobs[2]["options"] = None
    visitor = visit(path="about:blank")
    many.hang(visitor.page)
    visitor.open()
    told = "after Scream, at 60 %, in the video's own colours, as Matroska"
    manners = visitor.page.locator(".work [data-part=style]")
    expect(manners.nth(1)).to_have_text(told)
    for usual in (0, 2):
        expect(manners.nth(usual)).to_have_text("after Scream")


def test_who_gives_way_shows_what_is_painted_so_far(visit: Visit, many: Many) -> None:
    waiting = {"status": "Pending", "stage": "queue", "frames": {"done": 4, "total": 9}}
    many.jobs = [many.jobs[0] | waiting | {"result": None, "gives_way": 1}]
    visitor = visit(path="about:blank")
    many.hang(visitor.page)
    preview = {"body": PICTURE.getvalue(), "content_type": "image/jpeg"}
    visitor.page.route("**/api/jobs/*/preview", lambda route: route.fulfill(**preview))
    visitor.open()
    expect(visitor.work(many.jobs[0]["name"]).locator("img")).to_be_visible()


def test_a_preview_that_comes_late_does_not_keep_the_poster_away(visit: Visit, many: Many) -> None:
    ended = many.jobs[0]
    begun = {"status": "Running", "stage": "score", "frames": {"done": 1, "total": 9}}
    many.jobs = [ended | begun | {"result": None}]
    held: list[Route] = []
    visitor = visit(path="about:blank")
    many.hang(visitor.page)
    visitor.page.route("**/api/jobs/*/preview", lambda route: held.append(route))
    poster = {"body": PICTURE.getvalue(), "content_type": "image/jpeg"}
    visitor.page.route("**/api/jobs/*/poster", lambda route: route.fulfill(**poster))
    visitor.open()
    visitor.wait_until(lambda: bool(held))
    many.jobs = [ended]
    work = visitor.work(ended["name"])
    expect(work).to_have_attribute("data-status", "Completed")
    held[0].fulfill(status=404, json={})
    expect(work.locator("img")).to_be_visible()


def test_all_that_failed_are_deleted_also_those_that_are_not_shown(
    visit: Visit, many: Many
) -> None:
    error = {"code": "not-a-video", "detail": "it is text", "action": None}
    failed = {job["id"] for job in many.jobs[::100]}
    for job in many.jobs[::100]:
        job |= {"status": "Failed", "stage": "failed", "result": None, "error": error}
    deleted: list[str] = []
    held: list[Route] = []

    def delete(route: Route) -> None:
        assert route.request.method == "DELETE"
        deleted.append(urlsplit(route.request.url).path.rpartition("/")[2])
        if len(deleted) in {5, 6, 7, 8}:
            held.append(route)
        else:
            route.fulfill(status=204)

    visitor = visit(path="about:blank")
    many.hang(visitor.page)
    visitor.page.route("**/api/jobs/*?upload=true", delete)
    visitor.open()
    expect(visitor.page.locator("#count")).to_have_text("the latest 50")
    button = visitor.page.locator("#remove-failed")
    button.click()
    question = visitor.page.get_by_role("dialog", name="Delete all failed?")
    expect(question).to_contain_text("10 works")
    question.get_by_label("Delete the uploaded video, too").check()
    question.get_by_role("button", name="Delete").click()
    expect(button).to_have_text("Deleting 4 of 10")
    expect(button).to_be_disabled()
    visitor.wait_until(lambda: len(held) == 4)
    for route in held:
        route.fulfill(status=204)
    visitor.wait_until(lambda: len(deleted) == len(failed))
    assert set(deleted) == failed
    expect(button).to_have_text("Delete all failed")


def test_an_upload_whose_event_failed_is_named(visit: Visit, many: Many) -> None:
    message = "its event failed; the job is started by a timer within minutes"
    many.missed = [{"upload": "videos/scream/<lost>.mp4", "message": message}]
    visitor = visit(path="about:blank")
    many.hang(visitor.page)
    visitor.open()
    named = visitor.page.get_by_role("list", name="Uploads without a job")
    expect(named).to_have_text(f"videos/scream/<lost>.mp4 has no job yet: {message}.")
    many.missed = []
    expect(named).not_to_be_visible()


@pytest.mark.usefixtures("atelier")
def test_a_thousand_works_hang_page_by_page(visit: Visit, many: Many) -> None:
    visitor = visit(path="about:blank")
    many.hang(visitor.page)
    visitor.open()
    works, more = (
        visitor.page.locator(".work"),
        visitor.page.get_by_role("button", name="Show more"),
    )
    for count in range(50, 1000, 50):
        expect(works).to_have_count(count)
        more.click()
    expect(works).to_have_count(1000)
    expect(more).not_to_be_visible()
    names = visitor.page.locator(".work h3").all_text_contents()
    assert names == [f"video {number:04d}.mp4" for number in range(1000)]
    assert len(many.asked) < 500, "pictures are loaded that nobody sees"


def test_a_new_job_moves_no_other(visit: Visit, many: Many) -> None:
    visitor = visit(path="about:blank")
    many.hang(visitor.page)
    visitor.open()
    visitor.page.get_by_role("button", name="Show more").click()
    expect(visitor.page.locator(".work")).to_have_count(100)
    kept = visitor.work("video 0000.mp4").get_by_role("button", name="Delete")
    kept.focus()
    many.jobs.insert(0, made_up(9999))
    expect(visitor.page.locator(".work h3").first).to_have_text("video 9999.mp4")
    expect(visitor.page.locator(".work")).to_have_count(100)
    expect(kept).to_be_focused()
