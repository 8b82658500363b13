"""What LiteRT's converter and metadata writer noted down in a model.

Slots are those of conversion_metadata.fbs and metadata_schema.fbs (TFLite Support).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.formats.flat import root

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.formats.flat import Table

_NORMALIZATION = 1


def conversion_of(block: memoryview | None) -> str | None:
    """The converter's own version, None where it left none."""
    if not block:
        return None
    environment = root(block).table(0)
    version = environment.text(0) if environment else ""
    return f"tensorflow {version}" if version else None


def preprocessing_of(block: memoryview | None) -> Iterator[str]:
    """What each input and output holds, as its author described it."""
    if not block:
        return
    for graph in root(block).tables(3):
        for slot in (2, 3):
            for tensor in graph.tables(slot):
                yield from _described(tensor)


def _described(tensor: Table) -> Iterator[str]:
    name = tensor.text(0)
    for unit in tensor.tables(4):
        options = unit.table(1)
        if unit.integer(0, "B") == _NORMALIZATION and options is not None:
            mean, std = (_listed(options.numbers(slot, "f")) for slot in (0, 1))
            yield f"{name}: (x - {mean}) / {std} is fed"
    stats = tensor.table(5)
    if stats is not None and (highest := stats.numbers(0, "f")):
        lowest = stats.numbers(1, "f")
        yield f"{name}: from {_listed(lowest)} to {_listed(highest)}"


def _listed(numbers: list[int | float]) -> str:
    return ", ".join(f"{number:.6g}" for number in numbers)
