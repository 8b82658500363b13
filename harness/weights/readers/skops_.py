"""Arrays of skops archives: read from their files, without building an estimator."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from harness.core.archives import open_archive, read_entry
from harness.core.errors import ModelLoadError
from harness.core.protocols import WeightTensor
from harness.formats.json_text import parse_json
from harness.formats.malformed import Malformed
from harness.formats.npy import read_header
from harness.formats.regions import contiguous, entry_region
from harness.weights.readers.arrays_ import mapped_array
from harness.weights.readers.faults import loader, reading
from harness.weights.readers.uses import Use

if TYPE_CHECKING:
    import zipfile
    from collections.abc import Iterator
    from pathlib import Path

    from harness.core.protocols import FloatArray
    from harness.formats.npy import Header
    from harness.formats.regions import Region

_MAX_SCHEMA = 256 << 20
# Of attributes in Python's own records: no part of the names.
_TRANSPARENT = frozenset({"__reduce__", "args", "content", "state"})
# What an estimator keeps from its training and does not compute with.
_NO_WEIGHTS = frozenset(
    {
        *("_best_coefs", "_best_intercepts", "_optimizer", "_random_state"),
        *("classes_", "loss_curve_"),
    }
)
# Linear models keep a row an output, networks a column.
_KERNELS = {"coef_": "OI", "coefs_": "IO", "components_": "OI", "dual_coef_": None}
_BIASES = frozenset({"intercept_", "intercepts_"})


def read_weights(path: Path) -> Iterator[WeightTensor]:
    """Arrays of floats of a ``.skops`` archive, by their paths: ``steps.svc.coef_``.

    Fields of floats of trees' nodes are listed as ``tree_.nodes.threshold``. Single
    numbers and arrays of integers are left out, and so are classes and what training
    left behind.

    Raises:
        ModelLoadError: It is missing, cut short or damaged, or a matrix is sparse.
        UnsafeModelError: An array holds Python objects, or the archive is out of all
            bounds.
    """
    with reading(path, "skops archive"), open_archive(path) as archive:
        text = read_entry(archive, "schema.json", _MAX_SCHEMA)
        if text is None:
            raise Malformed("its schema.json is missing or larger than 256 MiB")
        schema = parse_json(text, "schema.json")
        files = list(_files(schema))
        return iter([w for file in files for w in _arrays(path, archive, *file)])


def _files(schema: object) -> Iterator[tuple[str, str, str | None]]:
    """Name, entry and class of the estimator, of each array."""
    waiting: list[tuple[str, str | None, object]] = [("", None, schema)]
    while waiting:
        name, owner, node = waiting.pop()
        if isinstance(node, dict) and "file" in node and "content" not in node:
            yield name, str(node["file"]), owner
            continue
        owner = _owner(node) or owner
        waiting.extend(
            (_joined(name, key), owner, part)
            for key, part in reversed(_parts(node))
            if key not in _NO_WEIGHTS
        )


def _parts(node: object) -> list[tuple[str, Any]]:
    if isinstance(node, dict):
        return [(str(key), part) for key, part in node.items() if key[:5] != "key_t"]
    if isinstance(node, list):
        return [_step(index, part) for index, part in enumerate(node)]
    return []


def _step(index: int, item: object) -> tuple[str, Any]:
    """A step of a pipeline is a pair of its name, as JSON, and its estimator."""
    match item:
        case {"content": [{"content": str(text)}, {"content": _} as step]}:
            return text.strip('"'), step
    return str(index), item


def _owner(node: object) -> str | None:
    """Estimators have a state; Python's containers have none."""
    if not isinstance(node, dict) or node.get("__module__") == "builtins":
        return None
    kind = node.get("__class__")
    return str(kind) if isinstance(node.get("content"), dict) else None


def _joined(name: str, key: str) -> str:
    if key in _TRANSPARENT:
        return name
    return f"{name}.{key}" if name else key


def _arrays(
    path: Path, archive: zipfile.ZipFile, name: str, entry: str, owner: str | None
) -> Iterator[WeightTensor]:
    if entry not in archive.NameToInfo:
        raise Malformed(f"the file {entry!r} of {name!r} is missing")
    if not entry.endswith(".npy"):
        raise ModelLoadError(
            f"{path}: {name!r} is a sparse matrix, which is not read",
            hint="save the estimator dense: estimator.densify()",
        )
    with archive.open(entry) as member:
        header = read_header(member, name)
    region = entry_region(path, archive, entry)
    if header.dtype.names:
        yield from _fields(path, name, header, region, owner)
    elif header.shape and (header.dtype.kind == "f" or header.dtype.hasobject):
        found = mapped_array(path, name, header, region)
        if found and (weight := found.weight(_use(name, owner))):
            yield weight


def _fields(
    path: Path, name: str, header: Header, region: Region, owner: str | None
) -> Iterator[WeightTensor]:
    """Fields of floats of an array of records."""
    behind = replace(region, skip=header.length)
    strides = contiguous(header.shape, fortran=header.fortran)
    behind.check(header.dtype, 0, header.shape, strides)

    def read(field: str) -> FloatArray:
        records = behind.strided(header.dtype, 0, header.shape, strides)
        values: FloatArray = records[field]
        return values.astype(values.dtype.newbyteorder("="))

    for field in header.dtype.names or ():
        kind = header.dtype[field]
        if kind.kind == "f" and kind.itemsize in {4, 8} and 0 not in header.shape:
            full = f"{name}.{field}"
            load = loader(path, full, partial(read, field))
            yield WeightTensor(
                full, header.shape, kind.name, "constant", owner, load, node=name
            )


def _use(name: str, owner: str | None) -> Use:
    node, _, attribute = name.rpartition(".")
    if attribute.isdigit():
        node, _, attribute = node.rpartition(".")
    if attribute in _KERNELS:
        return Use("kernel", owner, _KERNELS[attribute], node or None)
    role = "bias" if attribute in _BIASES else "constant"
    return Use(role, owner, "O" if role == "bias" else None, node or None)
