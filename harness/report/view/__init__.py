"""The view model of the HTML report: every string, sort key and class is made here."""
