"""`python -m tools.screenshots [VIDEO...]`: pictures of the page for the documents.

Starts an emulator of its own, drops the videos on the page, each in another style, and takes the
pictures as soon as each shows one: on a desk and on a phone, in light and in dark. The last video,
if it is long enough, is still being painted then.
"""

import argparse
import io
import sys
import tempfile
from itertools import cycle
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from emulator import Config, Emulator
from emulator.signals import end_as_interrupts
from tools import browser, clip
from tools.film import PICTURES

DESK, PHONE = (1440, 900), (390, 844)
QUALITY = 82
PAINTING_MS = 600_000
SETTLING_MS = 1500
IDENTITY = "identity"

type Scheme = Literal["light", "dark"]


def main() -> int:
    """Take all pictures; return the exit status."""
    end_as_interrupts()
    parser = argparse.ArgumentParser(prog="python -m tools.screenshots", description=__doc__)
    parser.add_argument("videos", type=Path, nargs="*", metavar="VIDEO", help="default: a clip")
    videos: list[Path] = parser.parse_args().videos
    with tempfile.TemporaryDirectory() as folder:
        if not videos:
            clip.make(made := Path(folder) / "balloon.mp4")
            videos = [made]
        with Emulator(Config.on_free_ports(Path(folder) / "state")) as emulator:
            take(emulator.config.host_url, videos)
    return 0


def take(url: str, videos: list[Path]) -> None:
    """Take all pictures of the page at a URL, which has no job yet."""
    with sync_playwright() as playwright:
        window = browser.launch(playwright)
        page = visit(window, url, DESK, "light")
        expect(page.locator("#nothing")).to_be_visible()
        keep(page, "empty-desk-light")
        hang(page, videos)
        for scheme in ("light", "dark"):
            for name, size in (("desk", DESK), ("phone", PHONE)):
                keep(visit(window, url, size, scheme), f"gallery-{name}-{scheme}")
        keep(look_closely(visit(window, url, DESK, "light")), "viewer-desk-light")
        keep(look_closely(visit(window, url, PHONE, "dark")), "viewer-phone-dark")
        window.close()


def visit(window: Browser, url: str, size: tuple[int, int], scheme: Scheme) -> Page:
    """Open the page."""
    width, height = size
    context = window.new_context(
        viewport={"width": width, "height": height},
        color_scheme=scheme,
        device_scale_factor=2 if size == PHONE else 1,
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto(url)
    expect(page.locator(".skeleton")).to_have_count(0)
    return page


def hang(page: Page, videos: list[Path]) -> None:
    """Have videos painted, and go on once each shows a picture or why there is none."""
    names: list[str] = page.locator("input[name=style]").evaluate_all(
        "all => all.map(e => e.value)"
    )
    styles = cycle([name for name in names if name != IDENTITY] or names)
    for video in videos:
        page.locator(f"input[name=style][value='{next(styles)}']").check(force=True)
        page.set_input_files("#files", video)
        expect(work(page, video)).to_be_visible(timeout=PAINTING_MS)
    for video in videos:
        shown = work(page, video).locator("img:visible, .failure:visible")
        shown.first.wait_for(timeout=PAINTING_MS)


def look_closely(page: Page) -> Page:
    """Open before and after of a work, in the middle of its video."""
    page.locator(".work[data-status=Completed] .canvas").first.click(timeout=PAINTING_MS)
    page.locator("#viewer video").first.wait_for()
    page.wait_for_timeout(SETTLING_MS)
    seek = page.get_by_label("Position in the video")
    seek.fill(str(float(seek.get_attribute("max") or 0) / 2))
    return page


def keep(page: Page, name: str) -> None:
    """Take a picture, once the page's own have come."""
    page.wait_for_timeout(SETTLING_MS)
    picture = Image.open(io.BytesIO(page.screenshot()))
    file = PICTURES / f"{name}.webp"
    picture.convert("RGB").save(file, quality=QUALITY, method=6)
    print(file)


def work(page: Page, video: Path) -> Locator:
    """Return the work of a video on the wall."""
    heading = page.get_by_role("heading", name=video.name, exact=True)
    return page.locator(".work").filter(has=heading)


if __name__ == "__main__":
    sys.exit(main())
