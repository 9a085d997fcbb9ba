"""A browser that visits the page of the running emulator."""

from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

import tools.browser
from tests.end_to_end.browser.visitor import Visitor

WIDTH, HEIGHT = 1280, 900

type Visit = Callable[..., Visitor]


@pytest.fixture(scope="module")
def browser() -> Generator[Browser]:
    """A browser; no longer than a module needs it, for Playwright's event loop keeps others out."""
    try:
        tools.browser.executable()
    except tools.browser.NoBrowserError as error:
        pytest.skip(str(error))
    with sync_playwright() as playwright:
        browser = tools.browser.launch(playwright)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Browser, request: pytest.FixtureRequest) -> Generator[Visit]:
    """Return a way to open the page, each time in a browser of its own.

    A page that writes an error to its console, or breaks its own policy, fails the test.
    """
    contexts: list[BrowserContext] = []
    visitors: list[Visitor] = []

    def open_page(
        width: int = WIDTH, height: int = HEIGHT, *, path: str = "/", **options: object
    ) -> Visitor:
        url: str = request.getfixturevalue("atelier").config.host_url
        # What moves for ever is drawn by the processor here, sixty times a second.
        still = {"reduced_motion": "reduce"}
        context = browser.new_context(
            viewport={"width": width, "height": height}, base_url=url, **still | options
        )
        contexts.append(context)
        visitors.append(visitor := Visitor(context.new_page()))
        visitor.open(path)
        return visitor

    yield open_page
    for context in contexts:
        context.close()
    assert [error for visitor in visitors for error in visitor.errors] == []


@pytest.fixture
def files(tmp_path: Path) -> Callable[[str, bytes], Path]:
    """Return a way to write a file that is then dropped on the page."""

    def write(name: str, content: bytes) -> Path:
        (file := tmp_path / name).write_bytes(content)
        return file

    return write
