"""A real browser: Debian's Chromium, driven by Playwright, without a screen and without the outside world."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, async_playwright

from tests.external.packages import require_chromium

FLAGS = (
    "--no-sandbox",  # it runs as root too
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)


@asynccontextmanager
async def running_chromium() -> AsyncGenerator[Browser]:
    """Chromium with a profile of its own, which goes when it ends. `new_context()` is a person, `new_page()` a tab."""
    executable = require_chromium()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=list(FLAGS))
        try:
            yield browser
        finally:
            await browser.close()
