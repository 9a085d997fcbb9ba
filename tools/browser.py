"""A browser without a window, for pictures and tests of the page: what Chromium is installed."""

import shutil

from playwright.sync_api import Browser, Playwright

NAMES = (
    *("chromium-headless-shell", "chrome-headless-shell"),
    *("chromium", "chromium-browser", "google-chrome"),
)
"""Those that never have a window come first: they take half as much of the processor."""
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
)


class NoBrowserError(Exception):
    """There is no browser; the message says what to install."""


def executable() -> str:
    """Return the path of a browser.

    Raises:
        NoBrowserError: there is none.
    """
    for name in NAMES:
        if path := shutil.which(name):
            return path
    raise NoBrowserError(f"there is no browser: install one of {', '.join(NAMES)}")


def launch(playwright: Playwright) -> Browser:
    """Start a browser.

    Raises:
        NoBrowserError: there is none.
    """
    return playwright.chromium.launch(executable_path=executable(), args=list(FLAGS))
