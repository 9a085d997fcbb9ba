"""Uploads: straight to storage, in slices, and they survive what uploads meet."""

import base64
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import pytest
from playwright.sync_api import Page, Request, Route, expect

from tests.end_to_end.browser.conftest import Visit
from tests.end_to_end.browser.visitor import Visitor
from tests.end_to_end.conftest import Atelier
from tests.end_to_end.media import Media

type Files = Callable[[str, bytes], Path]

SLICE = 4 * 2**20
BIG = bytes(range(256)) * (3 * SLICE // 256) + b"the rest"


class Slices:
    """What goes over the wire, and what a bad wire does to it."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self.sent: list[str] = []
        page.on("requestfinished", self._note)

    def _note(self, request: Request) -> None:
        response = request.response()
        if "comp=block&" in request.url and response and response.status == 201:
            self.sent.append(request.url.partition("blockid=")[2])

    def wait_for(self, count: int) -> None:
        """Wait until so many slices have arrived."""
        while len(self.sent) < count:
            self._page.wait_for_timeout(50)

    def break_at(self, number: int, times: int | None = None) -> None:
        """Cut the connection when a slice is sent, always or so many times."""

        def cut(route: Route) -> None:
            route.abort("connectionreset")

        self._page.route(lambda url: self._number(url) == number, cut, times=times)

    def mend(self) -> None:
        self._page.unroute_all()

    @staticmethod
    def _number(url: str) -> int | None:
        _, found, name = url.partition("comp=block&blockid=")
        return int(base64.b64decode(unquote(name))[-6:]) if found else None


def stored(atelier: Atelier, name: str) -> bytes:
    return atelier.container("videos").download_blob(name).readall()


def test_a_video_that_is_dropped_is_painted(visit: Visit, files: Files, media: Media) -> None:
    visitor = visit()
    visitor.drop(files("holiday.mp4", media.moving(2)))
    visitor.wait_until_painted("holiday.mp4")
    expect(visitor.upload("holiday.mp4")).to_have_count(0)
    expect(visitor.work("holiday.mp4")).to_contain_text("50 frames")
    expect(visitor.work("holiday.mp4").get_by_role("button", name="Download")).to_be_visible()


# What browsers hand over for a folder; Playwright drops none. It gives its entries bit by bit.
DROP_A_FOLDER = """() => {
  const file = (name) => ({ isFile: true, file: (give) => give(new File(["video"], name)) });
  const folder = (...parts) => ({
    isFile: false,
    createReader: () => ({ readEntries: (give) => give(parts.splice(0, 2)) }),
  });
  const deep = folder(file("deep.MKV"), file(".DS_Store"), file("._deep.MKV"));
  const entry = folder(file("one.mp4"), file("notes.txt"), deep, file("two.mov"));
  const event = new Event("drop", { bubbles: true, cancelable: true });
  event.dataTransfer = { items: [{ webkitGetAsEntry: () => entry }], files: [] };
  document.getElementById("drop").dispatchEvent(event);
}"""


def test_of_a_folder_its_videos_are_taken(visit: Visit) -> None:
    visitor = visit()
    visitor.choose("Identity")
    refused = {"code": "bad-name", "detail": "not this one", "action": None}
    visitor.page.route("**/api/uploads", lambda route: route.fulfill(status=400, json=refused))
    visitor.page.evaluate(DROP_A_FOLDER)
    names = visitor.page.locator("#uploads .upload-name")
    expect(names).to_have_count(3)
    assert set(names.all_inner_texts()) == {"one.mp4", "deep.MKV", "two.mov"}


def test_a_big_file_goes_in_slices_and_arrives_whole(
    visit: Visit, files: Files, atelier: Atelier
) -> None:
    visitor = visit()
    slices = Slices(visitor.page)
    visitor.drop(files("big.mp4", BIG))
    expect(visitor.work("big.mp4")).to_be_visible()
    assert len(set(slices.sent)) == len(slices.sent) == 4
    assert stored(atelier, "identity/big.mp4") == BIG


def test_a_cut_connection_is_tried_again(visit: Visit, files: Files, atelier: Atelier) -> None:
    visitor = visit()
    slices = Slices(visitor.page)
    slices.break_at(1, times=2)
    visitor.drop(files("cut.mp4", BIG))
    expect(visitor.work("cut.mp4")).to_be_visible()
    assert stored(atelier, "identity/cut.mp4") == BIG


@pytest.mark.parametrize("reloads", [False, True])
def test_an_upload_that_was_cancelled_goes_on_where_it_stopped(
    visit: Visit, files: Files, atelier: Atelier, reloads: bool
) -> None:
    name = f"stopped-{reloads}.mp4"
    file = files(name, BIG)
    visitor = visit()
    slices = Slices(visitor.page)
    slices.break_at(2)
    visitor.drop(file)
    row = visitor.upload(name)
    slices.wait_for(3)
    expect(row).to_contain_text("It goes on once that is over.")
    row.get_by_role("button", name="Cancel").click()
    expect(row).to_contain_text("Cancelled.")
    slices.mend()
    if reloads:
        visitor.page.reload()
        expect(visitor.upload(name)).to_contain_text("Choose the same file again")
        visitor.drop(file)
        expect(visitor.upload(name)).to_have_count(1)
    else:
        row.get_by_role("button", name="Try again").click()
    expect(visitor.work(name)).to_be_visible()
    assert len(set(slices.sent)) == len(slices.sent) == 4
    assert stored(atelier, f"identity/{name}") == BIG


def test_an_upload_that_was_cut_off_can_be_forgotten(visit: Visit, files: Files) -> None:
    visitor = visit()
    slices = Slices(visitor.page)
    slices.break_at(2)
    visitor.drop(files("unwanted.mp4", BIG))
    slices.wait_for(3)
    visitor.page.on("dialog", lambda dialog: dialog.accept())
    visitor.page.reload()
    row = visitor.upload("unwanted.mp4")
    expect(row).to_contain_text("Cut off at 8.4 MB of 12.6 MB.")
    row.get_by_role("button", name="Forget it").click()
    expect(row).to_have_count(0)
    visitor.page.reload()
    expect(row).to_have_count(0)


def test_an_upload_that_goes_on_in_another_tab_is_not_cut_off(visit: Visit, files: Files) -> None:
    visitor = visit()
    slices = Slices(visitor.page)
    slices.break_at(2)
    visitor.drop(files("elsewhere.mp4", BIG))
    slices.wait_for(3)
    other = Visitor(visitor.page.context.new_page())
    other.open()
    expect(other.page.locator("#styles .painting").first).to_be_visible()
    expect(other.upload("elsewhere.mp4")).to_have_count(0)
    visitor.page.close(run_before_unload=False)
    other.page.reload()
    expect(other.upload("elsewhere.mp4")).to_contain_text("Cut off at 8.4 MB of 12.6 MB.")


def test_two_videos_of_one_name_are_both_painted(
    visit: Visit, tmp_path: Path, media: Media, atelier: Atelier
) -> None:
    contents = {"card 1": media.moving(1), "card 2": media.moving(2)}
    for folder, content in contents.items():
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "GX010001.MP4").write_bytes(content)
    visitor = visit()
    visitor.drop([tmp_path / folder / "GX010001.MP4" for folder in contents])
    for name, content in zip(("GX010001.MP4", "GX010001-2.MP4"), contents.values(), strict=True):
        visitor.wait_until_painted(name)
        assert stored(atelier, f"identity/{name}") == content
    expect(visitor.upload("GX010001.MP4")).to_have_count(0)


def test_a_file_that_was_uploaded_before_is_not_sent_again(
    visit: Visit, files: Files, media: Media
) -> None:
    visitor, file = visit(), files("known.mp4", media.moving(1))
    visitor.drop(file)
    visitor.wait_until_painted("known.mp4")
    slices = Slices(visitor.page)
    visitor.drop(file)
    expect(visitor.upload("known.mp4")).to_contain_text("was uploaded before")
    assert slices.sent == []


def test_a_file_that_changes_meanwhile_is_no_upload(
    visit: Visit, files: Files, atelier: Atelier
) -> None:
    visitor, file = visit(), files("changes.mp4", BIG)
    slices = Slices(visitor.page)
    slices.break_at(2)
    visitor.drop(file)
    row = visitor.upload("changes.mp4")
    expect(row).to_contain_text("It goes on once that is over.")
    file.write_bytes(BIG[:SLICE])
    slices.mend()
    expect(row).to_contain_text("changes.mp4 changed since it was chosen.")
    assert not atelier.container("videos").get_blob_client("identity/changes.mp4").exists()


def test_how_it_is_painted_goes_along(visit: Visit, files: Files, atelier: Atelier) -> None:
    visitor = visit()
    visitor.page.get_by_text("How it is painted").click()
    visitor.page.get_by_label("Strength").fill("40")
    visitor.page.get_by_label("Keep the colours of the video").check()
    visitor.page.get_by_text("How it is painted").click()
    told = "How it is painted: at 40 %, in the video's own colours"
    expect(visitor.page.locator(".options summary")).to_have_text(told)
    visitor.drop(files("options.mp4", b"no video"))
    expect(visitor.work("options.mp4")).to_be_visible()
    blob = atelier.container("videos").get_blob_client("identity/options.mp4")
    metadata = blob.get_blob_properties().metadata
    assert (float(metadata["strength"]), metadata["preserve_colour"].lower()) == (0.4, "true")


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        (
            "`best`.mp4",
            b"video",
            "the name '`best`.mp4' holds the character '`': "
            "rename the video without double quotes, backslashes and control characters",
        ),
        ("empty.mp4", b"", "empty.mp4 is empty: upload a whole one"),
    ],
)
def test_what_may_not_be_uploaded_says_why(
    visit: Visit, files: Files, name: str, content: bytes, sentence: str
) -> None:
    visitor = visit()
    visitor.drop(files(name, content))
    row = visitor.upload(name)
    expect(row.locator("[data-part=state]")).to_have_text(sentence)
    row.get_by_role("button", name="Dismiss").click()
    expect(row).to_have_count(0)


def test_a_name_never_becomes_markup(visit: Visit, files: Files) -> None:
    visitor = visit()
    name = "<img src=x onerror=alert(1)>&amp;.mp4"
    visitor.drop(files(name, b"no video"))
    expect(visitor.work(name)).to_contain_text(f"{name} is text")
    assert visitor.page.locator("[src=x]").count() == 0
