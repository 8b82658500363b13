"""Inputs that the suite declares for a PyTorch model whose file tells names alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.backends.torch_values import ANY, NUMBERS
from harness.core.errors import ModelLoadError, SuiteError
from harness.core.protocols import TensorSpec

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from harness.backends.options import Options

_EXPECTED = (
    'a table such as { image = { dtype = "float32", shape = ["n", 1, 8, 8] } },'
    " where a word is a free axis"
)


def declared_inputs(
    options: Options, required: Sequence[str], optional: Sequence[str], path: Path
) -> tuple[TensorSpec, ...]:
    """A spec for each input: as option ``inputs`` declares, else by name alone.

    Args:
        options: The variant's.
        required: Names that the model must be given.
        optional: Names that it has a default for; inputs only where declared.
        path: The model, for messages.

    Raises:
        SuiteError: The option is malformed, names what the model does not take, or
            leaves out what it must be given.
        ModelLoadError: The model takes no input.
    """
    given = options.get("inputs", dict, {})
    known = [*required, *optional]
    for name in given:
        if name not in known:
            raise SuiteError(
                f"{path}: the model has no input {name!r}, which options.inputs names",
                hint=f"its inputs are: {', '.join(known) or 'none'}",
            )
    if given and (left := [name for name in required if name not in given]):
        raise SuiteError(
            f"{path}: options.inputs leaves out {left[0]!r}, which the model takes",
            hint=f"declare each of: {', '.join(required)}",
        )
    names = [name for name in known if name in given or name in required]
    if not names:
        raise ModelLoadError(
            f"{path}: the model's forward takes no tensor that must be given",
            hint=f"declare inputs among {', '.join(known) or 'none'} in the options",
        )
    return tuple(_spec(name, given, options) for name in names)


def _spec(name: str, given: dict[str, object], options: Options) -> TensorSpec:
    match given.get(name):
        case None if not given:
            return TensorSpec(name, ANY, None)
        case {"dtype": str(dtype), "shape": [*shape], **rest} if not rest:
            if dtype in NUMBERS and shape and all(map(_is_axis, shape)):
                return TensorSpec(name, dtype, tuple(shape))
    raise options.wrong("inputs", given, _EXPECTED)


def _is_axis(size: object) -> bool:
    if isinstance(size, int) and not isinstance(size, bool):
        return size > 0
    return isinstance(size, str)
