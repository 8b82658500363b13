"""What a reader does with a page, by mouse or by keyboard alone."""

UNFOLD = "document.querySelectorAll('details').forEach((fold) => { fold.open = true; })"


def press(locator, how):
    """As a reader does it."""
    if how == "mouse":
        locator.click()
    else:
        locator.focus()
        locator.press("Enter")


def unfold(page, place=None):
    """Everything, or one fold by its id."""
    if place is None:
        page.evaluate(UNFOLD)
    else:
        page.evaluate("(id) => { document.getElementById(id).open = true; }", place)


def reach(table):
    """Scroll to a table, so that its rows are made where they wait for that."""
    table.locator("xpath=..").scroll_into_view_if_needed()
    table.locator("tbody tr:not([aria-hidden])").first.wait_for()
