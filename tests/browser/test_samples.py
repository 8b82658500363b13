"""Samples behind decisions: a cell opens them, Escape leads back."""

import pytest
from reading import reach, unfold

WRONG = "torch-flatten-order"
# The body has the focus while it is on the browser's own buttons.
OUTSIDE = """() => document.activeElement !== document.body
  && !document.querySelector("dialog").contains(document.activeElement)"""


@pytest.fixture
def decisions(look):
    """The page, unfolded at the decisions of a candidate that errs much."""
    page = look("failing")
    unfold(page, f"v-{WRONG}--decisions")
    return page, page.locator(f"#v-{WRONG}--decisions")


def test_a_cell_opens_its_samples_by_mouse(decisions):
    page, block = decisions
    cell = block.locator("table.heat").last.locator("tbody td:has-text('+')").first
    label = cell.get_attribute("aria-label")
    cell.click()
    dialog = page.get_by_role("dialog")
    assert dialog.is_visible()
    title = dialog.get_by_role("heading").first.inner_text()
    for part in label.partition(":")[0].split(", "):
        assert part.split()[-1] in title
    assert dialog.get_by_role("img").count() >= 1
    drawn = "(image) => image.complete && image.naturalWidth > 0"
    assert dialog.locator("img").first.evaluate(drawn)
    dialog.get_by_role("button", name="Close").click()
    assert not dialog.is_visible()


def test_a_cell_opens_its_samples_by_keyboard(decisions):
    page, block = decisions
    grid = block.get_by_role("grid").last
    grid.locator("td[tabindex='0']").focus()
    before = page.evaluate("document.activeElement.getAttribute('aria-label')")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    after = page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert before.startswith("true 0, answer 0")
    assert after.startswith("true 1, answer 1")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    assert dialog.is_visible()
    assert page.evaluate(
        "document.querySelector('dialog').contains(document.activeElement)"
    )
    page.keyboard.press("Escape")
    assert not dialog.is_visible()
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == after


def test_one_stop_a_matrix_for_the_tab_key(decisions):
    _, block = decisions
    for grid in block.get_by_role("grid").all():
        assert grid.locator("[tabindex='0']").count() == 1


def test_focus_stays_in_the_dialog(decisions):
    page, block = decisions
    block.get_by_role("grid").last.locator("td[tabindex='0']").focus()
    page.keyboard.press("Enter")
    for _ in range(12):
        page.keyboard.press("Tab")
        assert not page.evaluate(OUTSIDE)


@pytest.mark.parametrize("table", ["classes", "flips"])
def test_rows_open_their_samples(decisions, table):
    page, block = decisions
    unfold(page)
    reach(block.locator(f"table.{table}").first)
    opener = block.locator(f"table.{table} button.opens").first
    opener.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    assert dialog.locator("li").count() >= 1
    page.keyboard.press("Escape")
    assert opener.evaluate("(button) => button === document.activeElement")


@pytest.mark.parametrize("how", ["mouse", "keyboard"])
def test_a_matrix_of_a_thousand_classes_opens_samples(look, how):
    page = look("huge")
    unfold(page, "v-int3--decisions")
    picture = page.locator("#v-int3--decisions .map").last
    if how == "keyboard":
        picture.focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
    else:
        picture.scroll_into_view_if_needed()
        click_a_confusion(page, picture)
    dialog = page.get_by_role("dialog")
    assert dialog.is_visible()
    assert dialog.locator("li").count() >= 1
    page.keyboard.press("Escape")
    assert not dialog.is_visible()


def click_a_confusion(page, picture):
    """Points along the diagonal until one has samples."""
    box = picture.locator("img").bounding_box()
    for k in range(5, 95):
        at = {"x": box["width"] * k / 100, "y": box["height"] * k / 100}
        picture.click(position=at)
        if page.get_by_role("dialog").is_visible():
            return


def test_names_in_the_dialog_are_text_alone(look):
    page = look("hostile")
    unfold(page)
    grid = page.get_by_role("grid").last
    cells = grid.locator("tbody td").all()
    for cell in cells[:: len(cells) // 10]:
        cell.focus()
        page.keyboard.press("Enter")
        assert page.get_by_role("dialog").is_visible()
        page.keyboard.press("Escape")
    assert page.evaluate("window.__canary") is None
    assert page.complaints == []
    assert len(page.requests) == 1 + sum(u.startswith("data:") for u in page.requests)
