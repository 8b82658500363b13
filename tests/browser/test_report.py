"""The HTML report as a reader meets it: mouse, keyboard, dark, paper, phone."""

import re

import pytest

NAMES = ("passing", "failing", "undecided", "no_labels", "broken", "hostile")


def first_column(page, table):
    return page.locator(f"{table} tbody th").all_inner_texts()


def luminance(colour):
    """Relative luminance of WCAG 2, without its linear foot, which is under 1e-3."""
    red, green, blue = map(int, re.findall(r"\d+", colour)[:3])
    channels = [c / 255 for c in (red, green, blue)]
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def style(page, selector, name):
    read = f"e => getComputedStyle(e).{name}"
    return page.locator(selector).first.evaluate(read)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_asked_for_and_nothing_is_wrong(show, name):
    page = show(name)
    page.wait_for_load_state("networkidle")
    assert page.complaints == []
    assert [
        url for url in page.requests if not url.startswith(("file:", "data:"))
    ] == []
    assert len([url for url in page.requests if url.startswith("file:")]) == 1


def test_texts_of_others_do_not_run(show):
    dialogs = []
    page = show("hostile")
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert page.locator("script:not([type])").count() == 1
    assert page.locator("h1").is_visible()
    assert dialogs == []


def test_a_table_is_sorted_from_the_keyboard(show):
    page = show("undecided")
    table = "table.classes"
    assert first_column(page, table)[0] == "7"
    page.locator(f"{table} thead button", has_text="class").focus()
    page.keyboard.press("Enter")
    head = page.locator(f"{table} thead th").first
    assert head.get_attribute("aria-sort") == "ascending"
    assert first_column(page, table) == list("0123456789")
    page.keyboard.press("Space")
    assert head.get_attribute("aria-sort") == "descending"
    assert first_column(page, table) == list("9876543210")


def test_numbers_are_sorted_as_numbers(show):
    page = show("failing")
    table = "#v-onnx-pads--decisions table.flips"
    page.locator(f"{table} thead button", has_text="sample").click()
    numbers = [int(text) for text in first_column(page, table)]
    assert numbers == sorted(numbers)
    assert len(numbers) >= 15


def test_classes_are_filtered_by_name_and_by_change(show):
    page = show("many_classes")
    page.get_by_label("Filter classes").fill("class 1")
    shown = page.locator("table.classes tbody tr:visible")
    assert shown.count() == 11
    assert page.locator(".filter output").first.inner_text() == "11 of 33 shown"
    page.get_by_label("Filter classes").fill("")
    page.get_by_label("only those that changed").check()
    assert shown.count() == 33


def test_a_link_opens_the_evidence_that_it_names(show):
    page = show("failing")
    closed = page.locator("#v-onnx--checks")
    assert closed.get_attribute("open") is None
    page.locator("#matrix a[href='#v-onnx--check-accuracy']").click()
    page.wait_for_function("document.querySelector('#v-onnx--checks').open")
    assert page.locator("#v-onnx--check-accuracy").is_visible()


def test_the_skip_link_is_first_and_focus_is_seen(show):
    page = show("failing")
    page.keyboard.press("Tab")
    focused = page.evaluate("document.activeElement.className")
    assert focused == "skip"
    box = page.locator(".skip").bounding_box()
    assert box["x"] >= 0
    page.keyboard.press("Tab")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


def test_a_long_name_is_whole_on_focus(show):
    page = show("hostile")
    name = page.locator("h2 .short").first
    before = name.bounding_box()["height"] * name.bounding_box()["width"]
    name.focus()
    after = name.bounding_box()["height"] * name.bounding_box()["width"]
    assert after > before
    assert name.locator(".full").bounding_box()["width"] > 100


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_can_be_read(show, scheme):
    page = show("failing", color_scheme=scheme)
    ground = style(page, "body", "backgroundColor")
    assert (luminance(ground) < 0.1) == (scheme == "dark")
    for selector in ("h1", ".verdict em", ".badge.passed", ".provenance", "td.worse"):
        assert contrast(style(page, selector, "color"), ground) >= 4.5, selector
    tinted = style(page, ".matrix td.failed", "backgroundColor")
    assert contrast(style(page, ".matrix td.failed .badge", "color"), tinted) >= 4.5


@pytest.mark.parametrize("step", ["m1", "m5", "m6", "m9"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_numbers_in_heatmaps_can_be_read(show, scheme, step):
    page = show("failing", color_scheme=scheme)
    page.evaluate(
        """step => {
            document.body.innerHTML =
              `<table class=heat><tr><td class=${step}>36</td></tr></table>`;
            const canvas = document.createElement('canvas').getContext('2d');
            const style = getComputedStyle(document.querySelector('td'));
            const bytes = (colour) => {
              canvas.fillStyle = colour;
              canvas.fillRect(0, 0, 1, 1);
              return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
            };
            window.found = [bytes(style.backgroundColor), bytes(style.color)];
        }""",
        step,
    )
    ground, ink = (f"rgb{tuple(c)}" for c in page.evaluate("window.found"))
    assert contrast(ground, ink) >= 4.5


def test_paper_has_no_outline_and_keeps_the_colours(show):
    page = show("failing", color_scheme="dark")
    page.emulate_media(media="print")
    assert not page.locator("nav.outline").is_visible()
    assert style(page, "body", "backgroundColor") == "rgb(255, 255, 255)"
    assert style(page, "body", "printColorAdjust") == "exact"
    assert page.pdf(format="A4").startswith(b"%PDF")


@pytest.mark.parametrize("name", ["failing", "hostile", "many_classes", "slipped"])
@pytest.mark.parametrize("width", [390, 768, 1280])
def test_the_page_never_scrolls_sideways(show, name, width):
    page = show(name, viewport={"width": width, "height": 844})
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_dumbbells_keep_their_size_on_a_phone(show):
    page = show("failing", viewport={"width": 390, "height": 844})
    chart = page.locator("#v-onnx-pads--decisions svg.dumbbell").first.bounding_box()
    cell = page.locator("#v-onnx-pads--decisions td:has(svg.dumbbell)").first
    assert chart["width"] == 168
    assert cell.bounding_box()["width"] >= chart["width"]


def test_reading_needs_no_script(show):
    page = show("failing", java_script_enabled=False)
    assert page.locator("h1").inner_text().endswith("1 was not run.")
    assert page.locator("#v-onnx-pads--decisions table.classes").is_visible()
    assert page.locator("thead button").count() == 0
