"""Reports in a real browser, found on this machine; nothing is downloaded."""

import hashlib
import importlib.util
import shutil
import sys
from pathlib import Path

import looked_at
import pytest
import trends
from filelock import FileLock

from harness.report.trend import render_trend_html

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "tests" / "unit" / "report" / "samples"
# What the records of the four reports are made of; their pages are made anew.
SOURCES = ("harness/**/*.py", "golden/*/quality.toml", "golden/*/models/*.onnx")
HELPERS = ("hostile_names", "looked_at", "thousand_classes")
WATCH = """
window.__violations = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.__violations.push(`${event.violatedDirective} ${event.blockedURI}`));
"""


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
def records(pytestconfig):
    """Folder of the records of the four reports, made once by one process."""
    folder = pytestconfig.cache.mkdir(f"reports-{known()}")
    for other in folder.parent.glob("reports-*"):
        if other != folder:
            shutil.rmtree(other, ignore_errors=True)
    with FileLock(folder / "lock"):
        if not (folder / "made").exists():
            looked_at.make_records(folder)
            (folder / "made").touch()
    return folder


def known():
    """Digest of all that the records depend on."""
    files = [file for pattern in SOURCES for file in sorted(ROOT.glob(pattern))]
    files += [ROOT / "tests" / "helpers" / f"{name}.py" for name in HELPERS]
    pages = ROOT / "harness" / "report"
    digest = hashlib.sha256()
    for file in files:
        if pages not in file.parents:
            digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


@pytest.fixture(scope="session")
def pages(records, tmp_path_factory):
    """Name of one of the four reports -> its file."""
    folder = tmp_path_factory.mktemp("pages")
    looked_at.make_pages(records, folder)
    return {name: folder / f"{name}.html" for name in looked_at.NAMES}


@pytest.fixture(scope="session")
def trend_page(tmp_path_factory):
    """The page of a history."""
    path = tmp_path_factory.mktemp("trend") / "trend.html"
    path.write_text(render_trend_html(trends.fallen()), encoding="utf-8")
    return path


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
def visit(chromium):
    """Opens a file; what the page complains of or asks for is recorded."""
    contexts = []

    def open_file(path, at="", **settings):
        settings.setdefault("viewport", {"width": 1280, "height": 900})
        context = chromium.new_context(**settings)
        contexts.append(context)
        context.add_init_script(WATCH)
        page = context.new_page()
        page.complaints, page.requests = [], []
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("request", lambda request: page.requests.append(request.url))
        page.on("dialog", lambda dialog: dialog.dismiss())
        context.route("**/*", only_itself(path.as_uri()))
        page.goto(path.as_uri() + at)
        return page

    yield open_file
    for context in contexts:
        context.close()


def only_itself(url):
    """Lets a page load itself and nothing else."""

    def answer(route):
        own = route.request.url.partition("#")[0] == url
        route.continue_() if own else route.abort()

    return answer


@pytest.fixture
def show(visit, samples, tmp_path):
    """Opens a sample report."""
    from harness.report.html import render_html

    def open_report(name, **settings):
        path = tmp_path / f"{name}.html"
        path.write_text(render_html(getattr(samples, name)()), encoding="utf-8")
        return visit(path, **settings)

    return open_report


@pytest.fixture
def look(visit, pages):
    """Opens one of the four reports."""
    return lambda name, at="", **settings: visit(pages[name], at, **settings)
