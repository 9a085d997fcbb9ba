"""What a visitor of the page sees and does."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import ConsoleMessage, Locator, Page, expect

PATIENCE_MS = 60_000
"""A job's steps take seconds, on a busy machine many."""

# The browser writes these itself whenever a request is not answered well, which tests arrange.
NO_FAULT_OF_THE_PAGE = "Failed to load resource"

expect.set_options(timeout=PATIENCE_MS)


class Visitor:
    """One window with the page in it.

    Attributes:
        page: for what is not offered here.
        errors: what the page wrote to its console as errors.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _note(self, message: ConsoleMessage) -> None:
        if message.type == "error" and NO_FAULT_OF_THE_PAGE not in message.text:
            self.errors.append(message.text)

    def open(self, path: str = "/") -> None:
        self.page.goto(path)

    def choose(self, style: str) -> None:
        if style == "Identity":
            self.page.locator("#more-styles").evaluate("(more) => (more.open = true)")
        self.page.get_by_role("radio", name=style).check(force=True)

    def drop(self, files: Path | Sequence[Path], style: str = "Identity") -> None:
        self.choose(style)
        self.page.set_input_files("#files", files)

    def upload(self, name: str) -> Locator:
        """The row of an upload that goes on."""
        return self.page.get_by_role("list", name="Uploads").get_by_role("listitem").filter(
            has_text=name
        )  # fmt: skip

    def work(self, name: str) -> Locator:
        """The work of a video, on the wall."""
        heading = self.page.get_by_role("heading", name=name, exact=True)
        return self.page.locator(".work").filter(has=heading).first

    def wait_until_painted(self, name: str) -> None:
        expect(self.work(name)).to_have_attribute("data-status", "Completed")

    def view(self, name: str) -> Locator:
        """Open a work's before and after."""
        self.work(name).get_by_role("button", name="Before and after").click()
        return self.viewer

    @property
    def viewer(self) -> Locator:
        return self.page.locator("#viewer")

    @property
    def connection(self) -> Locator:
        return self.page.locator("#connection")

    def press(self, deed: str, name: str) -> None:
        """Press a button of a work."""
        self.page.get_by_role("button", name=f"{deed} {name}", exact=True).click()

    def wait_for(self, expression: str) -> None:
        """Wait until a JavaScript expression holds; Playwright's own way breaks the policy."""
        self.wait_until(lambda: self.page.evaluate(expression))

    def wait_until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_MS / 1000
        while not condition():
            assert time.monotonic() < deadline, "waited in vain"
            self.page.wait_for_timeout(50)

    def videos(self, expression: str) -> list[Any]:
        """Evaluate a JavaScript expression of each `video`: the painted one, then the other."""
        return self.page.evaluate(
            f"[...document.querySelectorAll('#viewer video')].map((video) => {expression})"
        )
