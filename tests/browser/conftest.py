"""Reports in a real browser, found on this machine; nothing is downloaded."""

import importlib.util
import shutil
import sys
from pathlib import Path

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SAMPLES = Path(__file__).parents[1] / "unit" / "report" / "samples"


@pytest.fixture(scope="session")
def samples():
    """The sample reports that the unit tests render."""
    spec = importlib.util.spec_from_file_location(
        "report_samples",
        SAMPLES / "__init__.py",
        submodule_search_locations=[str(SAMPLES)],
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def chromium():
    """A headless Chromium; without one the tests are skipped, which fails in CI."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is on PATH")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--headless"]
        )
        yield browser
        browser.close()


@pytest.fixture
def show(chromium, samples, tmp_path):
    """Opens a sample report; what the page complains of or asks for is recorded."""
    from harness.report.html import render_html

    contexts = []

    def open_report(name, **settings):
        path = tmp_path / f"{name}.html"
        path.write_text(render_html(getattr(samples, name)()), encoding="utf-8")
        settings.setdefault("viewport", {"width": 1280, "height": 900})
        context = chromium.new_context(**settings)
        contexts.append(context)
        page = context.new_page()
        page.complaints, page.requests = [], []
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("request", lambda request: page.requests.append(request.url))
        page.goto(path.as_uri())
        return page

    yield open_report
    for context in contexts:
        context.close()
