"""What stands behind the hooks of `harness.plugin`.

`options` reads settings, `collection` makes items, `store` evaluates each suite once
a run, `answers` turns a check into pass, fail or skip, `closing` writes the reports
and prints the summary. Nothing here is imported before a suite file was met, but
`options` and `sharing`.
"""
