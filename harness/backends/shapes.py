"""The option `shapes`: input shapes that a suite asks for in place of the file's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.core.errors import SuiteError

if TYPE_CHECKING:
    from collections.abc import Collection

    from harness.backends.options import Options

Shape = tuple[int | None, ...]
_EXPECTED = "a table of input name = [sizes], where -1 is free"


def read_shapes(options: Options) -> dict[str, Shape]:
    """Input name -> shape, None where a size is free; empty when not given.

    Raises:
        SuiteError: The option is something else than a table of lists of sizes.
    """
    given = options.get("shapes", dict, {})
    return {str(name): _shape(options, given, name) for name in sorted(given)}


def check_shape_names(shapes: Collection[str], inputs: Collection[str]) -> None:
    """Hold the names of the option against the model's inputs.

    Raises:
        SuiteError: A name is none of them.
    """
    for name in shapes:
        if name not in inputs:
            raise SuiteError(
                f"option shapes names {name!r}, which is no input of the model",
                hint=f"the model's inputs are: {', '.join(inputs)}",
            )


def _shape(options: Options, given: dict[str, object], name: str) -> Shape:
    sizes = given[name]
    if not isinstance(sizes, (list, tuple)):
        raise options.wrong("shapes", given, _EXPECTED)
    whole = [n for n in sizes if isinstance(n, int) and not isinstance(n, bool)]
    if len(whole) != len(sizes) or any(n != -1 and n < 1 for n in whole):
        raise options.wrong("shapes", given, _EXPECTED)
    return tuple(None if n == -1 else n for n in whole)
