"""What the script of the page is handed: rows, cells and samples as compact JSON."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from harness.report.text import bounded, clean, count, one_line
from harness.report.view.page import Beside, Decided, Folded, Table, Trusted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.core.results import Preview, ShownSample
    from harness.report.view.page import Cell, Page, Part, Row

# What would end the element that holds the JSON, or open a comment in it.
_UNSAFE = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}


def page_data(page: Page) -> Trusted:
    """Everything of a page that stands in it as data; safe inside of an element."""
    data = _Data()
    parts = [*(p for v in page.variants for b in v.blocks for p in b.parts)]
    for part in _flat((*parts, *page.conditions)):
        if isinstance(part, Table) and part.limit and len(part.rows) > part.limit:
            data.add_table(part)
        elif isinstance(part, Decided):
            data.add_decided(part)
    return _safe(data.record(page.samples))


def _flat(parts: Iterable[Part]) -> Iterator[Part]:
    for part in parts:
        if isinstance(part, Beside):
            yield from _flat(part.parts)
        elif isinstance(part, Folded):
            yield from _flat((part.part,))
        else:
            yield part


def _safe(record: object) -> Trusted:
    text = json.dumps(record, separators=(",", ":"), allow_nan=False)
    for sign, escaped in _UNSAFE.items():
        text = text.replace(sign, escaped)
    return Trusted(text)


class _Data:
    """Texts and cells stand once, however many rows and variants share them."""

    def __init__(self) -> None:
        self._texts: dict[str, int] = {}
        self._lists: dict[tuple[int, ...], int] = {}
        self._cells: dict[tuple[object, str, str], tuple[int, Any]] = {}
        self._tables: dict[str, Any] = {}
        self._decided: dict[str, Any] = {}

    def add_table(self, table: Table) -> None:
        """All rows of a table, each its id, its kind and its cells."""
        columns = zip(*(row.cells for row in table.rows), strict=True)
        kinds = [
            Counter(c.kind for c in cells).most_common(1)[0][0] for cells in columns
        ]
        prefix = _common_start(table.rows)
        self._tables[table.id] = {
            "prefix": prefix,
            "kinds": kinds,
            "rows": [
                [
                    self._text(row.id.removeprefix(prefix)),
                    self._text(row.kind),
                    *(
                        self._cell(cell, kind, row.id)
                        for cell, kind in zip(row.cells, kinds, strict=True)
                    ),
                ]
                for row in table.rows
            ],
        }

    def add_decided(self, part: Decided) -> None:
        """Cells and samples of one variant, each a flat list."""
        self._decided[part.place] = {
            "names": self._list(tuple(map(self._name, part.names))),
            "cells": [n for cell in part.cells for n in cell],
            "samples": [
                [*sample[:4], round(sample[4], 4), self._name(sample[5])]
                for sample in part.samples
            ],
            "foremost": list(part.foremost),
        }

    def record(self, samples: Iterable[ShownSample]) -> dict[str, Any]:
        """What is written."""
        shown = [
            [
                one.sample,
                bounded(one_line(one.sample_id or "")),
                [_preview(p) for p in one.previews],
            ]
            for one in samples
        ]
        return {
            "texts": list(self._texts),
            "names": list(self._lists),
            "cells": [cell for _, cell in self._cells.values()],
            "tables": self._tables,
            "decided": self._decided,
            "samples": shown,
        }

    def _text(self, text: str) -> int:
        return self._texts.setdefault(text, len(self._texts))

    def _list(self, names: tuple[int, ...]) -> int:
        return self._lists.setdefault(names, len(self._lists))

    def _name(self, name: str) -> int:
        return self._text(bounded(one_line(name)))

    def _cell(self, cell: Cell, kind: str, row_id: str) -> int:
        own = cell.href == f"#{row_id}"
        # Links to their own rows differ in nothing else from each other.
        key = ((cell.text, cell.full, cell.note) if own else cell), kind, cell.kind
        found = self._cells.get(key)
        if found is None:
            found = self._cells[key] = len(self._cells), _plain(cell, kind, own=own)
        return found[0]


def _plain(cell: Cell, kind: str, *, own: bool) -> Any:
    """A text alone, or what of a cell is not empty, by a letter each.

    What most of its column, or its row, tells anyway is left out.
    """
    badge = cell.badge
    told = {
        "t": cell.text,
        "k": f" {cell.kind}" if cell.kind != kind else "",
        "f": cell.full,
        "n": cell.note,
        "i": cell.title,
        "h": "#" if own else cell.href,
        "s": cell.sort,
        "b": [badge.word, badge.sign, badge.kind] if badge else None,
        "d": list(cell.draw),
        "o": cell.opens,
    }
    kept = {key: value for key, value in told.items() if value}
    return cell.text if set(kept) <= {"t"} else kept


def _common_start(rows: tuple[Row, ...]) -> str:
    """What the ids of all rows begin with, up to their last double dash's word."""
    head, mark, _ = rows[0].id.rpartition("--")
    word = rows[0].id[len(head) + len(mark) :].partition("-")[0]
    prefix = f"{head}{mark}{word}-" if mark else ""
    return prefix if all(row.id.startswith(prefix) for row in rows) else ""


def _preview(preview: Preview) -> dict[str, Any]:
    told = {
        "input": bounded(one_line(preview.input), 60),
        "shape": " \u00d7 ".join(map(count, preview.shape)),
        "png": preview.png,
        "size": list(preview.size or ()),
        "lines": [list(line) for line in preview.lines],
        "text": bounded(clean(preview.text or "")),
    }
    return {key: value for key, value in told.items() if value}
