"""Make the pictures of reports that the docs show.

    python tests/helpers/report_pictures.py RECORDS [--out docs/images]

RECORDS is a folder that ``looked_at.py`` has filled.
"""

import argparse
import io
import shutil
import tempfile
from pathlib import Path

import looked_at
from PIL import Image
from playwright.sync_api import sync_playwright

IMAGES = Path(__file__).parents[2] / "docs" / "images"
COLOURS = 256
WIDTH = 1280
ERRING = "v-torch-flatten-order--decisions"
MANY = "v-int3--decisions"
# Picture -> report, its height, and where a reader looks.
PICTURES = {
    "passing": ("passing", 1000, ""),
    "failing": ("failing", 1000, ""),
    "finding": ("failing", 900, "#v-torch-symmetric-padding"),
    "decisions": ("failing", 1150, f"#{ERRING}"),
    "samples": ("failing", 800, f"#{ERRING}"),
    "huge": ("huge", 1000, ""),
    "huge-classes": ("huge", 1150, f"#{MANY}"),
    "hostile": ("hostile", 1000, ""),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("records", type=Path)
    parser.add_argument("--out", type=Path, default=IMAGES)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        looked_at.make_pages(options.records, Path(folder))
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        for name, (report, height, place) in PICTURES.items():
            size = {"width": WIDTH, "height": height}
            page = browser.new_page(viewport=size, reduced_motion="reduce")
            page.goto((Path(folder) / f"{report}.html").as_uri() + place)
            page.wait_for_load_state("networkidle")
            if name == "samples":
                open_samples(page)
            write(page.screenshot(), options.out / f"report-{name}.png")


def open_samples(page):
    """Of the confusion that grew most."""
    cells = page.locator(f"#{ERRING} table.heat").last.locator("tbody td")
    grown = [(number(text), k) for k, text in enumerate(cells.all_inner_texts())]
    cells.nth(max(grown)[1]).click()


def number(text):
    """Of a cell's change; lost ones count as none."""
    return int(text) if text.startswith("+") else 0


def write(shot, file):
    """A palette is enough for pages, and a third of the bytes."""
    image = Image.open(io.BytesIO(shot)).convert("RGB")
    image.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
        file, optimize=True
    )


if __name__ == "__main__":
    main()
