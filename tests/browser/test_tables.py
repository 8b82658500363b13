"""Tables of any length: sorted and filtered by mouse and by keyboard."""

import re

import pytest
from reading import press, reach, unfold

ROWS = "tbody tr:visible:not([aria-hidden])"
IN_VIEW = """(row) => {
  const box = row.getBoundingClientRect();
  const frame = row.closest(".scroll").getBoundingClientRect();
  return box.bottom > frame.top && box.top < frame.bottom;
}"""


@pytest.fixture
def classes(look):
    """The classes of a candidate of the huge report, and their section."""
    page = look("huge")
    block = page.locator("#v-int3--decisions")
    unfold(page, "v-int3--decisions")
    table = block.locator("table.classes")
    reach(table)
    return block, table


def column(table, place):
    cells = table.locator(f"{ROWS} > :nth-child({place})")
    return [text.replace(",", "") for text in cells.all_inner_texts()]


def headings(table):
    return table.locator("thead th").all_inner_texts()


def test_a_thousand_rows_are_few_in_the_page(classes):
    _, table = classes
    assert table.get_attribute("aria-rowcount") == "1001"
    assert 10 <= table.locator(ROWS).count() <= 120


def test_scrolling_brings_every_row(classes):
    _, table = classes
    seen, frame = set(), table.locator("xpath=..")
    height = frame.evaluate("(box) => box.scrollHeight")
    for top in range(0, height, 500):
        frame.evaluate("(box, top) => { box.scrollTop = top; }", top)
        frame.evaluate("() => new Promise(requestAnimationFrame)")
        seen |= set(column(table, 1))
    assert len(seen) == 1000


@pytest.mark.parametrize("how", ["mouse", "keyboard"])
def test_all_rows_are_sorted_not_only_those_in_sight(classes, how):
    _, table = classes
    head = table.locator("thead th").first
    press(head.get_by_role("button"), how)
    assert head.get_attribute("aria-sort") == "ascending"
    names = column(table, 1)
    assert names == sorted(names)
    assert names[0].startswith("n01440764")
    press(head.get_by_role("button"), how)
    assert head.get_attribute("aria-sort") == "descending"
    names = column(table, 1)
    assert names == sorted(names, reverse=True)
    assert names[0].startswith("n01751453")


def test_one_column_at_a_time_is_sorted_by(classes):
    _, table = classes
    for head in table.locator("thead th").all():
        button = head.get_by_role("button")
        if button.count():
            button.click()
            assert table.locator("th[aria-sort]").count() == 1
            assert head.get_attribute("aria-sort") == "ascending"


def test_numbers_are_sorted_by_their_value(classes):
    _, table = classes
    place = next(k for k, text in enumerate(headings(table), 1) if "lost" in text)
    table.locator("thead th").nth(place - 1).get_by_role("button").click()
    table.locator("thead th").nth(place - 1).get_by_role("button").click()
    numbers = [int(re.match(r"\d+", text)[0]) for text in column(table, place)]
    assert numbers == sorted(numbers, reverse=True)
    assert numbers[0] == 5


def test_a_filter_looks_at_all_rows(classes):
    block, table = classes
    box = block.get_by_role("searchbox", name="Filter classes")
    box.focus()
    box.press_sequentially("olive")
    told = block.locator(".filter output").first
    assert told.inner_text() == "100 of 1,000 shown"
    assert all("olive" in name for name in column(table, 1))
    box.fill("no such class")
    assert told.inner_text() == "0 of 1,000 shown"
    assert table.locator(ROWS).count() == 0
    box.fill("")
    assert told.inner_text() == ""


def test_sorting_keeps_the_filter(classes):
    block, table = classes
    block.get_by_role("searchbox", name="Filter classes").fill("olive crested")
    table.locator("thead th").first.get_by_role("button").click()
    names = column(table, 1)
    assert names == sorted(names)
    assert len(names) == 10


def test_undecided_classes_can_be_picked(classes):
    block, table = classes
    pick = block.get_by_role("combobox", name="Verdict of classes")
    pick.select_option("undecided")
    shown = table.locator(ROWS)
    assert shown.count() > 0
    assert all("undecided" in row for row in shown.all_inner_texts())


def test_the_keyboard_scrolls_a_long_table(classes):
    _, table = classes
    frame = table.locator("xpath=..")
    frame.focus()
    frame.press("End")
    frame.page.wait_for_function(
        "(box) => box.scrollTop > 1000", arg=frame.element_handle()
    )
