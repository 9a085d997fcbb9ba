"""A new painting: dropped on the page, learnt, and chosen like any other."""

import base64
import io
import json
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Locator, expect

from function_app.store.styles import SHIPPED
from tests.end_to_end.browser.conftest import Visit
from tests.end_to_end.browser.visitor import Visitor
from tests.end_to_end.conftest import Atelier
from tests.end_to_end.media import Media
from tests.end_to_end.test_styles import Hostile, painting

JPEG = io.BytesIO()
Image.new("RGB", (64, 48), "teal").save(JPEG, "JPEG")
OPACITY = "(element) => getComputedStyle(element).opacity"

type Files = Callable[[str, bytes], Path]


def offer(visitor: Visitor, file: Path) -> Locator:
    """Open the dialog and choose a file in it."""
    visitor.page.get_by_role("button", name="A new painting").click()
    dialog = visitor.page.get_by_role("dialog", name="A new painting")
    dialog.get_by_label("Picture of the painting").set_input_files(file)
    return dialog


def style(visitor: Visitor, title: str) -> Locator:
    return visitor.page.locator("label.painting").filter(has_text=title)


def test_a_painting_shows_itself_and_at_a_look_what_it_does(
    visit: Visit, files: Files, media: Media
) -> None:
    visitor = visit()
    scream = style(visitor, "Scream")
    face, effect = scream.locator("img[data-part=picture]"), scream.locator(".effect")
    expect(face).to_be_visible()
    assert effect.evaluate(OPACITY) == "0"
    scream.hover()
    expect(effect).to_contain_text("A sample")
    expect(effect).to_have_css("opacity", "1")
    expect(scream.locator("img[data-part=painted]")).to_have_js_property("complete", True)
    expect(scream.locator("img[data-part=painted]")).to_be_visible()
    visitor.page.mouse.move(0, 0)
    expect(effect).to_have_css("opacity", "0")
    scream.locator("input").focus()
    visitor.page.keyboard.press("Space")
    expect(effect).to_have_css("opacity", "1")
    visitor.drop(files("mine.mp4", media.moving(1)), style="Identity")
    visitor.wait_until_painted("mine.mp4")
    plain = style(visitor, "Identity")
    plain.hover()
    expect(plain.locator(".effect")).to_contain_text("mine.mp4")


def test_a_painting_that_was_never_used_shows_what_it_does_to_the_last_video(
    visit: Visit, files: Files, media: Media, atelier: Atelier
) -> None:
    visitor = visit()
    visitor.drop(files("last.mp4", media.moving(1)), style="Identity")
    visitor.wait_until_painted("last.mp4")
    scream, effect = style(visitor, "Scream"), style(visitor, "Scream").locator(".effect")
    scream.hover()
    expect(effect).to_contain_text("A sample")
    made = json.dumps({"scream": base64.b64encode(JPEG.getvalue()).decode()})
    atelier.container("results").upload_blob("identity/last.swatches.json", made)
    visitor.page.reload()
    expect(visitor.work("last.mp4")).to_be_visible()
    scream.hover()
    expect(effect).to_contain_text("last.mp4")
    expect(effect).to_have_css("opacity", "1")
    style(visitor, "Great wave").hover()
    expect(style(visitor, "Great wave").locator(".effect")).to_contain_text("A sample")


def test_what_leaves_videos_as_they_are_is_no_painting(visit: Visit) -> None:
    visitor = visit()
    chosen = visitor.page.locator("input[name=style]:checked")
    assert chosen.get_attribute("value") in SHIPPED - {"identity"}
    identity = style(visitor, "Identity")
    expect(identity).not_to_be_visible()
    visitor.page.get_by_text("More", exact=True).click()
    expect(identity).to_be_visible()


def test_a_painting_is_learnt_and_shows_itself(visit: Visit, files: Files, tmp_path: Path) -> None:
    visitor = visit()
    dialog = offer(visitor, files("Evening at the Sea.png", painting(tmp_path)))
    expect(dialog.get_by_label("Name of the style")).to_have_value("evening-at-the-sea")
    expect(dialog.locator("img")).to_be_visible()
    dialog.get_by_role("button", name="Learn it").click()
    expect(dialog).not_to_be_visible()
    learnt = style(visitor, "Evening at the sea")
    expect(learnt).to_have_attribute("data-state", "learning")
    expect(learnt).to_contain_text("being learnt")
    expect(learnt.locator("img[data-part=picture]")).to_be_visible()
    expect(visitor.page.get_by_label("Learning evening-at-the-sea")).to_be_visible()
    expect(learnt).to_have_attribute("data-state", "ready")
    expect(learnt.locator("img[data-part=picture]")).to_be_visible()
    expect(learnt.get_by_role("radio")).to_be_enabled()


def test_what_cannot_be_learnt_says_why(visit: Visit, files: Files) -> None:
    visitor = visit()
    hostile = pickle.dumps({"conv1.conv2d.weight": Hostile()})
    dialog = offer(visitor, files("Odd.pth", hostile))
    dialog.get_by_role("button", name="Learn it").click()
    failed = style(visitor, "Odd")
    expect(failed).to_have_attribute("data-state", "failed")
    expect(failed).to_contain_text("more than the weights of a network")
    expect(failed.get_by_role("radio")).to_be_disabled()


def test_a_style_is_replaced_and_deleted_where_that_is_confirmed(
    visit: Visit, files: Files
) -> None:
    visitor = visit()
    dialog = offer(visitor, files("scream.pth", b"none"))
    dialog.get_by_role("button", name="Learn it").click()
    expect(dialog.get_by_role("alert")).to_contain_text("is a style that Atelier comes with")
    name = dialog.get_by_label("Name of the style")
    name.fill("slow")
    dialog.get_by_role("button", name="Learn it").click()
    expect(dialog.get_by_role("button", name="Replace it")).to_be_visible()
    name.fill("not a style yet")
    dialog.get_by_role("button", name="Learn it").click()
    expect(style(visitor, "Not a style yet")).to_have_attribute("data-state", "failed")
    visitor.page.get_by_role("button", name="Delete the style not a style yet").click()
    question = visitor.page.get_by_role("dialog", name="Delete this style?")
    question.get_by_role("button", name="Delete").click()
    expect(style(visitor, "Not a style yet")).to_have_count(0)
    assert visitor.page.get_by_role("button", name="Delete the style scream").count() == 0


@pytest.mark.parametrize(
    ("file", "name", "sentence"),
    [("wall.png", "it's mine", "'"), ("notes.txt", "notes", "notes.txt")],
)
def test_what_is_refused_leaves_the_dialog_open(
    visit: Visit, files: Files, file: str, name: str, sentence: str
) -> None:
    visitor = visit()
    dialog = offer(visitor, files(file, b"anything"))
    dialog.get_by_label("Name of the style").fill(name)
    dialog.get_by_role("button", name="Learn it").click()
    expect(dialog.get_by_role("alert")).to_contain_text(sentence)
    expect(dialog).to_be_visible()
    dialog.get_by_role("button", name="Not now").click()
    expect(dialog).not_to_be_visible()
