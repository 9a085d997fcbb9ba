"""What axe-core finds in each state of the page, in light and dark, on a phone and on a desk; and
that the keyboard alone does it all."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.end_to_end.browser.conftest import Visit
from tests.end_to_end.browser.test_gallery import made_up
from tests.end_to_end.browser.visitor import Visitor

AXE = Path(__file__).parents[3] / "node_modules" / "axe-core" / "axe.min.js"
SIZES = {"phone": (390, 844), "desk": (1440, 900)}
LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

PAINTED = made_up(1) | {"notes": ["the second audio track is left out"]}
FAILED = made_up(2) | {
    "status": "Failed",
    "stage": "failed",
    "result": None,
    "error": {"code": "not-a-video", "detail": "x is text, not a video", "action": "Upload one."},
}
PAINTING = made_up(3) | {
    "status": "Running",
    "stage": "score",
    "frames": {"done": 40, "total": 100},
    "fps": 12.3,
    "eta_s": 4.8,
    "cost": {"estimate": 0.2, "spent": 0.04, "currency": "EUR"},
    "studio_url": "https://example.org/",
    "result": None,
}
WAITING = made_up(4) | {"status": "Pending", "stage": "queue", "result": None}
# The name of what has the focus; "end" where that is the browser's own.
WHERE = """(({ activeElement: { id, name, dataset, tagName } }) =>
  tagName === "BODY" ? "end" : id || name || dataset.part || tagName)(document)"""
# Whether something drawn tells where the focus is: by the element itself, or by what stands for it.
IS_MARKED = """(({ activeElement: at, body }) => at === body || [
    at, at.closest(".painting")?.querySelector(".mount"), at.closest(".drop"), at.closest(".stage"),
  ].some((each) => {
    const { outlineStyle, opacity } = each ? getComputedStyle(each) : { outlineStyle: "none" };
    return outlineStyle !== "none" && opacity !== "0";
  }))(document)"""
VIEWER = ["play", "seek", "back", "on", "zoom", "mute", "full", "download"]
# As cameras and people name files, with nowhere to break.
LONG = made_up(6) | {"name": f"{'GX010001_final_' * 8}{'x' * 90}.mp4"}
LONG_FAILED = FAILED | {"name": LONG["name"], "error": FAILED["error"] | {"detail": LONG["name"]}}
STATES = {
    "empty": [],
    "long": [LONG, LONG_FAILED],
    "works": [PAINTED, FAILED, PAINTING, WAITING, made_up(5) | {"status": "Cancelled"}],
}


@pytest.fixture(params=SIZES)
def size(request: pytest.FixtureRequest) -> tuple[int, int]:
    return SIZES[request.param]


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def room(visit: Visit, size: tuple[int, int], scheme: str) -> Visitor:
    """A window that shows nothing yet and may be looked into by axe."""
    return visit(*size, path="about:blank", color_scheme=scheme, bypass_csp=True)


def hang(visitor: Visitor, jobs: list[dict[str, Any]]) -> None:
    """Open the page with these jobs on the wall."""
    answer = {"jobs": jobs, "next": "more" if jobs else None}
    visitor.page.route("**/api/jobs?*", lambda route: route.fulfill(json=answer))
    visitor.page.route("**/api/jobs/*/*", lambda route: route.fulfill(status=404, json={}))
    visitor.open()
    expect(visitor.page.locator(".skeleton")).to_have_count(0)


def violations(visitor: Visitor) -> list[str]:
    """What axe-core has to say of the page as it stands."""
    visitor.page.add_script_tag(path=AXE)
    # Animations that have begun would be judged half way.
    found = visitor.page.evaluate(
        """(levels) => Promise.all(document.getAnimations().map((each) => each.finished))
          .then(() => axe.run({ runOnly: levels }))""",
        LEVELS,
    )["violations"]
    return [f"{each['id']}: {node['html']}" for each in found for node in each["nodes"]]


@pytest.mark.parametrize("state", STATES)
def test_axe_finds_nothing_on_the_wall(room: Visitor, state: str) -> None:
    hang(room, STATES[state])
    room.page.get_by_text("How it is painted").click()
    assert violations(room) == []
    assert room.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_axe_finds_nothing_while_the_page_loads(room: Visitor) -> None:
    room.page.route("**/api/**", lambda _: None)
    room.open()
    assert violations(room) == []


def test_axe_finds_nothing_in_trouble(room: Visitor) -> None:
    room.page.route("**/api/**", lambda route: route.abort())
    room.open()
    expect(room.connection).to_be_visible()
    assert violations(room) == []


def test_axe_finds_nothing_in_uploads(room: Visitor, tmp_path: Path) -> None:
    hang(room, [])
    room.page.route("**/videos/**", lambda route: route.abort())
    (empty := tmp_path / "empty.mp4").touch()
    (stuck := tmp_path / "stuck.mp4").write_bytes(b"video")
    (waiting := tmp_path / "waiting.mp4").write_bytes(b"video")
    room.drop([empty, stuck, waiting])
    expect(room.upload("empty.mp4")).to_have_attribute("data-state", "failed")
    expect(room.upload("stuck.mp4")).to_have_attribute("data-state", "sending")
    assert violations(room) == []


def test_axe_finds_nothing_in_the_viewer(room: Visitor) -> None:
    hang(room, [PAINTED])
    room.view(PAINTED["name"])
    expect(room.viewer).to_be_visible()
    assert violations(room) == []


@pytest.mark.parametrize("size", [SIZES["phone"]], ids=["phone"])
@pytest.mark.parametrize("dialog", ["ask-key", "ask-removal", "ask-painting"])
def test_axe_finds_nothing_in_dialogs(room: Visitor, dialog: str) -> None:
    hang(room, [PAINTED])
    room.page.evaluate(f"document.getElementById('{dialog}').showModal()")
    assert violations(room) == []


def walk(visitor: Visitor) -> list[str]:
    """Press Tab from where the focus is to the end; each stop must be seen to be one."""
    reached: list[str] = []
    while "end" not in reached:
        visitor.page.keyboard.press("Tab")
        reached.append(visitor.page.evaluate(WHERE))
        assert visitor.page.evaluate(IS_MARKED), f"nothing marks {reached[-1]}"
    return reached


def test_tab_leads_through_the_page_in_its_order_and_each_stop_is_marked(visit: Visit) -> None:
    visitor = visit(path="about:blank")
    hang(visitor, [PAINTED, FAILED])
    skip, studio = "A", ["style", "open", "SUMMARY", "files", "SUMMARY"]
    gallery = ["remove-failed", "filter", "open", "download", "remove", "remove", "more"]
    assert walk(visitor) == [skip, *studio, *gallery, "A", "end"]


def test_the_link_at_the_top_skips_the_studio(visit: Visit) -> None:
    visitor = visit(path="about:blank")
    hang(visitor, [PAINTED])
    for key in ("Tab", "Enter", "Tab"):
        visitor.page.keyboard.press(key)
    assert visitor.page.evaluate(WHERE) == "filter"


def test_the_keyboard_alone_chooses_how_a_video_is_painted(visit: Visit) -> None:
    visitor = visit(path="about:blank")
    hang(visitor, [])
    page = visitor.page
    chosen = page.locator("input[name=style]:checked")
    first = chosen.get_attribute("value") or ""
    chosen.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(f"input[value='{first}']")).not_to_be_checked()
    page.get_by_text("More", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Identity")).to_be_visible()
    page.get_by_text("How it is painted").focus()
    page.keyboard.press("Space")
    page.get_by_label("Strength").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#strength-value")).to_have_text("95 %")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(page.get_by_label("Keep the colours of the video")).to_be_checked()


@pytest.mark.parametrize(
    ("button", "dialog"),
    [("A new painting", "ask-painting"), (f"Delete {PAINTED['name']}", "ask-removal")],
)
def test_a_dialog_holds_the_focus_and_gives_it_back(visit: Visit, button: str, dialog: str) -> None:
    visitor = visit(path="about:blank")
    hang(visitor, [PAINTED])
    page = visitor.page
    page.get_by_role("button", name=button).focus()
    page.keyboard.press("Enter")
    for _ in range(8):
        page.keyboard.press("Tab")
        where = page.evaluate(WHERE)
        within = f"document.getElementById('{dialog}').contains(document.activeElement)"
        assert where == "end" or page.evaluate(within)
        assert page.evaluate(IS_MARKED), f"nothing marks {where}"
    page.keyboard.press("Escape")
    expect(page.locator(f"#{dialog}")).not_to_be_visible()
    expect(page.get_by_role("button", name=button)).to_be_focused()


def test_the_keyboard_opens_a_work_looks_closely_and_comes_back(visit: Visit) -> None:
    visitor = visit(path="about:blank")
    hang(visitor, [PAINTED])
    page, viewer = visitor.page, visitor.viewer
    page.get_by_role("button", name="Before and after").focus()
    page.keyboard.press("Enter")
    expect(viewer.locator("[data-part=play]")).to_be_focused()
    assert walk(visitor) == [*VIEWER[1:], "end"]
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Before and after")).to_be_focused()


def test_whoever_wants_no_motion_gets_none(visit: Visit) -> None:
    visitor = visit(path="about:blank")
    visitor.page.route("**/api/**", lambda _: None)
    visitor.open()
    assert visitor.page.evaluate("document.getAnimations().length") == 0
