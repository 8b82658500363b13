"""ONNX's own form of test data: ``test_data_set_*`` folders of ``.pb`` tensors."""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import numpy_helper

from harness.core.errors import GoldenError
from harness.core.provenance import sha256_of
from harness.golden.forms import ONNX_SET
from harness.golden.roles import Roles
from harness.golden.rows import Column, native
from harness.golden.spans import inside
from harness.golden.table import Table, regroup, require_samples

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from harness.core.protocols import Array
    from harness.golden.options import Options
    from harness.golden.roles import Naming
    from harness.golden.table import Block

_FILE = re.compile(r"(input|output)_(\d{1,6})\.pb")
_MAX_BYTES = 2 << 30  # protobuf's own limit
_HINT = "write the tensor again with onnx.numpy_helper.from_array"


def open_sets(folder: Path, _naming: Naming, _options: Options) -> Table:
    """A folder of ``test_data_set_*`` folders, or one of these.

    Where all arrays of each set have one first axis, it counts samples, and the sets
    follow each other; else each set is one sample as it stands. Inputs go by the
    names in their tensors, else by those of their files; outputs are targets.

    Raises:
        MissingGoldenError: There are no sets, or no samples in them.
        GoldenError: A tensor cannot be read, or the sets differ.
    """
    sets = [_surveyed(path) for path in _folders(folder)]
    require_samples(len(sets), folder)
    batched = all(found.length is not None for found in sets)
    n_rows = sum(found.length or 0 for found in sets) if batched else len(sets)
    require_samples(n_rows, folder)
    columns = _columns(sets[0], batched=batched)
    for other in sets[1:]:
        _require_same(columns, other, batched=batched)
    return Table(
        where=str(folder),
        columns=columns,
        n_rows=n_rows,
        read=partial(_read, sets, batched),
        digest=lambda: sha256_of(folder),
        declared=Roles(
            inputs=sets[0].inputs,
            targets={n: n for n in columns if n not in sets[0].inputs},
        ),
    )


@dataclass(frozen=True, slots=True)
class _Set:
    """One folder of tensors.

    Attributes:
        path: The folder.
        inputs: Names of those that are fed.
        shapes: Name -> dtype and shape, of outputs too.
    """

    path: Path
    inputs: tuple[str, ...]
    shapes: Mapping[str, tuple[np.dtype[Any], tuple[int, ...]]]

    @property
    def length(self) -> int | None:
        """Samples, where every array has one first axis."""
        lengths = {shape[0] if shape else None for _, shape in self.shapes.values()}
        return lengths.pop() if len(lengths) == 1 else None


def _folders(folder: Path) -> list[Path]:
    if folder.name.startswith(ONNX_SET):
        return [folder]
    found = [path for path in folder.glob(f"{ONNX_SET}*") if path.is_dir()]
    # Set 10 comes after set 9.
    return sorted(found, key=lambda path: (len(path.name), path.name))


def _surveyed(folder: Path) -> _Set:
    inputs, outputs = _tensors(folder)
    shapes = {n: (a.dtype, a.shape) for n, a in {**inputs, **outputs}.items()}
    return _Set(folder, tuple(inputs), shapes)


def _columns(found: _Set, *, batched: bool) -> dict[str, Column]:
    return {
        name: Column(name, dtype, shape[1:] if batched else shape)
        for name, (dtype, shape) in found.shapes.items()
    }


def _require_same(columns: Mapping[str, Column], other: _Set, *, batched: bool) -> None:
    theirs = _columns(other, batched=batched)
    wrong = [name for name in {**columns, **theirs} if not _fit(name, columns, theirs)]
    if wrong:
        mine, found = columns.get(wrong[0]), theirs.get(wrong[0])
        raise GoldenError(
            f"{other.path}: tensor {wrong[0]!r} is {_shown(found)}, in the first set"
            f" {_shown(mine)}",
            hint="give all sets the same tensors, but for the number of samples",
        )


def _fit(name: str, one: Mapping[str, Column], other: Mapping[str, Column]) -> bool:
    mine, theirs = one.get(name), other.get(name)
    if mine is None or theirs is None:
        return False
    return (mine.dtype_name, mine.shape) == (theirs.dtype_name, theirs.shape)


def _shown(column: Column | None) -> str:
    return "not there" if column is None else f"{column.dtype_name} {column.shape}"


def _read(
    sets: list[_Set], batched: bool, names: Sequence[str], rows: int, span: slice
) -> Iterator[Block]:
    ends = list(accumulate((s.length or 0) if batched else 1 for s in sets))
    # The first set that ends behind the span's start; those before it are not opened.
    at = bisect_right(ends, span.start)
    blocks = (_block(found.path, batched, names) for found in sets[at:])
    yield from regroup(inside(blocks, span, ends[at - 1] if at else 0), rows)


def _block(folder: Path, batched: bool, names: Sequence[str]) -> Block:
    inputs, outputs = _tensors(folder)
    arrays = {**inputs, **outputs}
    return {n: arrays[n] if batched else arrays[n][np.newaxis] for n in names}


def _tensors(folder: Path) -> tuple[dict[str, Array], dict[str, Array]]:
    """Inputs and outputs of a set, each in the order of their numbers.

    Raises:
        GoldenError: There is no input, a tensor cannot be read, or two have one name.
    """
    found: dict[str, dict[str, Array]] = {"input": {}, "output": {}}
    files = [
        (m, path) for path in folder.iterdir() if (m := _FILE.fullmatch(path.name))
    ]
    for match, path in sorted(files, key=lambda pair: int(pair[0][2])):
        name, array = _tensor(path)
        if name in found["input"] or name in found["output"]:
            raise GoldenError(
                f"{path} holds the tensor {name!r}, as another file of its set does",
                hint="give every tensor a name of its own",
            )
        found[match[1]][name] = array
    if not found["input"]:
        raise GoldenError(
            f"{folder} has no input_0.pb", hint="write one tensor an input: input_0.pb"
        )
    return found["input"], found["output"]


def _tensor(path: Path) -> tuple[str, Array]:
    """Name and values of one tensor; bfloat16 and other small floats as float32."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ValueError(f"it is larger than {_MAX_BYTES:,} bytes")
        tensor = onnx.TensorProto.FromString(path.read_bytes())
        if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
            raise ValueError("its values lie in another file")
        if not isinstance(tensor.name, str):
            raise ValueError("its name is no text")
        _require_values(tensor, path)
        array = numpy_helper.to_array(tensor)
    except (DecodeError, OSError, ValueError, TypeError, KeyError) as error:
        raise GoldenError(f"{path} cannot be read ({error})", hint=_HINT) from error
    if array.dtype.kind == "O":
        array = array.astype(np.str_)
    elif array.dtype.kind not in "biufc":
        array = array.astype(np.float32)
    return tensor.name or path.stem, native(array.copy())


def _require_values(tensor: onnx.TensorProto, path: Path) -> None:
    """What a tensor promises is held against its bytes before it is asked for."""
    promised = math.prod(tensor.dims)
    if min(tensor.dims, default=0) < 0 or promised > path.stat().st_size * 2:
        raise ValueError(
            f"it promises {list(tensor.dims)} values in {path.stat().st_size:,} bytes"
        )
