"""What a session is fed, held against what its model declares.

Runtimes answer a wrong feed each in their own words, some by a crash. The check is
ours, so that every backend says the same: which input, what was expected, what came.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from harness.core.errors import InferenceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from harness.core.protocols import Array, Arrays, TensorSpec

_REMEMBERED = 64


class FeedCheck:
    """Checks feeds against specs, in full once for each form it meets.

    An input of a known name, shape and dtype costs one look-up: at batch 1 that is
    a quarter of a microsecond against several of inference.

    Args:
        specs: The model's inputs.
        also: Input name -> further dtype names that the backend converts itself.
    """

    def __init__(
        self,
        specs: tuple[TensorSpec, ...],
        also: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        self._specs = {spec.name: spec for spec in specs}
        self._also = also or {}
        self._known: set[tuple[Any, ...]] = set()

    def __call__(self, feeds: Arrays) -> None:
        """Let the feeds pass, or say what is wrong with them.

        Raises:
            InferenceError: A name is missing or unknown; a dtype, rank or
                dimension is not the declared one.
        """
        try:
            if len(feeds) == len(self._specs):
                known = self._known
                for name, array in feeds.items():
                    if (name, array.shape, array.dtype) not in known:
                        break
                else:
                    return
        except AttributeError:
            _check_arrays(feeds)
        self._check(feeds)

    def _check(self, feeds: Arrays) -> None:
        _check_arrays(feeds)
        self._check_names(feeds)
        for name, spec in self._specs.items():
            array = feeds[name]
            self._check_dtype(spec, array)
            _check_shape(spec, array)
            # An endless stream of new shapes must not grow us without bound.
            if len(self._known) < _REMEMBERED:
                self._known.add((name, array.shape, array.dtype))

    def _check_names(self, feeds: Arrays) -> None:
        expected = ", ".join(self._specs) or "nothing"
        for name in self._specs:
            if name not in feeds:
                raise InferenceError(
                    f"input {name!r} is not fed; got {', '.join(feeds) or 'nothing'}",
                    hint=f"the model's inputs are: {expected}",
                )
        for name in feeds:
            if name not in self._specs:
                raise InferenceError(
                    f"the model has no input {name!r}",
                    hint=f"the model's inputs are: {expected}",
                )

    def _check_dtype(self, spec: TensorSpec, array: Array) -> None:
        found = dtype_name(array)
        if found == spec.dtype or found in self._also.get(spec.name, ()):
            return
        raise InferenceError(
            f"input {spec.name!r} takes {spec.dtype}, got {found}",
            hint=f'say dtype = "{spec.dtype}" in the variant\'s preprocess table',
        )


def dtype_name(array: Array) -> str:
    """The array's dtype as specs name it: numpy's name, "str" for any text."""
    return "str" if array.dtype.kind in "UO" else array.dtype.name


def fixed_batch(specs: tuple[TensorSpec, ...]) -> int | None:
    """First dimension of the first input that fixes one, None where all are free."""
    for spec in specs:
        if spec.shape and isinstance(spec.shape[0], int):
            return spec.shape[0]
    return None


def _check_arrays(feeds: Mapping[str, Any]) -> None:
    for name, value in feeds.items():
        if not (hasattr(value, "dtype") and hasattr(value, "shape")):
            raise InferenceError(
                f"input {name!r} takes an array, got {type(value).__name__}",
                hint="feed numpy arrays, one a model input",
            )


def _check_shape(spec: TensorSpec, array: Array) -> None:
    if spec.shape is None:
        return
    wanted = _shown("?" if size is None else size for size in spec.shape)
    pairs = zip(spec.shape, array.shape, strict=False)
    if len(spec.shape) != array.ndim:
        wanted, rank = f"{wanted} of rank {len(spec.shape)}", f" of rank {array.ndim}"
    elif any(isinstance(e, int) and e != g for e, g in pairs):
        rank = ""
    else:
        return
    raise InferenceError(
        f"input {spec.name!r} takes shape {wanted}, got {_shown(array.shape)}{rank}",
        hint=_shape_hint(spec.shape, array.shape),
    )


def _shape_hint(wanted: tuple[object, ...], found: tuple[int, ...]) -> str:
    if len(wanted) == 2 < len(found) and wanted[1] in (None, math.prod(found[1:])):
        return "say flatten = true in the variant's preprocess table"
    return (
        "transpose in the variant's preprocess table (harness init writes a suite"
        " that does), or set its batch_size"
        " or batch_axis"
    )


def _shown(shape: Iterable[object]) -> str:
    return f"({', '.join(map(str, shape))})"
