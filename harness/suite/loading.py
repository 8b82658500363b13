"""Reads a suite file, key by key."""

from __future__ import annotations

import math
import re
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from harness.core.specs import (
    DEFAULT_ISOLATION,
    DIAGNOSIS_SECONDS,
    MIN_SLICE,
    BatchAxis,
    GoldenSpec,
    Isolation,
    Kind,
    Preprocess,
    Remote,
    Suite,
    Task,
    Undecided,
    VariantSpec,
)
from harness.suite.files import find_suite, parse, read_text
from harness.suite.judging import read_gate, read_max_drop, read_slices, read_task
from harness.suite.matrix import read_matrix
from harness.suite.processes import with_process
from harness.suite.table import Table
from harness.suite.urls import read_data_url, read_url

if TYPE_CHECKING:
    from collections.abc import Iterator

# dtypes that preprocessing may feed a model; anything else is a typing mistake.
_DTYPES = (
    *("bool", "float16", "float32", "float64", "int8", "int16", "int32", "int64"),
    *("uint8", "uint16", "uint32", "uint64"),
)
_HEAD_KEYS = (
    *("name", "task", "reference", "undecided", "allow_outside", "isolation"),
    *("min_slice", "tolerances", "waivers", "diagnosis_seconds"),
)
# Marks that a variant's name may not hold: it is a folder's name among recordings
# and a part of a pytest node id.
_MARKS = r"/\:[]"
_CERTIFICATES = "ca_file"
_MAX_RANK = 64  # numpy's
# What a variant has and a suite does not say as a key of its own.
_NOT_KEYS = frozenset({"line", "max_drop"})
_VARIANT_HEADER = re.compile(r'\s*\[\[\s*(["\']?)variant\1\s*\]\]')


def load_suite(path: Path | str) -> Suite:
    """Read and check a suite.

    Args:
        path: A suite file, or a folder with a ``quality.toml``.

    Raises:
        SuiteError: Names file, key, what was found and what is allowed.
    """
    file = find_suite(Path(path))
    # Model paths are resolved too: both lie under one root even behind a link.
    file = file.parent.resolve() / file.name
    text = read_text(file)
    root = Table(file, "", parse(file, text))
    root.allow(("suite", "golden", "slice", "task", "variant"))
    head = root.table("suite", required=True)
    head.allow(_HEAD_KEYS)
    paths = _Paths(file.parent, anywhere=head.flag("allow_outside"))
    task = read_task(head)
    isolation: Isolation = head.choice("isolation", Isolation, DEFAULT_ISOLATION)
    suite = Suite(
        path=file,
        name=head.label("name"),
        task=task,
        reference=head.text("reference"),
        golden=_golden(root.table("golden", required=True), paths),
        variants=tuple(
            with_process(variant, table, file.parent, isolation)
            for table, variant in _variants(root, paths, task, _variant_lines(text))
        ),
        undecided=head.choice("undecided", Undecided, "warn"),
        task_options=root.free("task"),
        slices=read_slices(root),
        min_slice=head.count("min_slice") or MIN_SLICE,
        tolerances=_beside(head, paths, "tolerances", "tolerances.lock.toml"),
        waivers=_beside(head, paths, "waivers", "waivers.toml"),
        diagnosis_seconds=_diagnosis_seconds(head),
    )
    if suite.reference not in {v.name for v in suite.variants}:
        names = ", ".join(v.name for v in suite.variants)
        head.refuse("reference", suite.reference, f"a variant's name: {names}")
    return suite


def _diagnosis_seconds(head: Table) -> float:
    key = "diagnosis_seconds"
    if key not in head.names():
        return DIAGNOSIS_SECONDS
    if head.value(key) == math.inf:
        return math.inf
    seconds = head.number(key)
    if seconds is None or seconds <= 0:
        head.refuse(key, head.value(key), "a number above 0, or inf")
    return seconds


def _beside(head: Table, paths: _Paths, key: str, name: str) -> Path | None:
    """A file that the suite names, else the one of that name beside it, if any."""
    if key in head.names():
        return paths.resolve(head, key)
    usual = paths.folder / name
    return usual if usual.is_file() else None


class _Paths:
    """Turns paths of the file into absolute ones, inside its folder unless allowed."""

    def __init__(self, folder: Path, *, anywhere: bool) -> None:
        self.folder = folder
        self.anywhere = anywhere

    def resolve(self, table: Table, key: str) -> Path:
        path = self.folder / table.text(key)
        try:
            folder, target = path.parent.resolve(), path.resolve()
            path.exists()  # what cannot even be looked at is refused here
        except (OSError, RuntimeError, ValueError):
            # A NUL character, a loop of links, a name longer than the system allows.
            table.refuse(key, table.value(key), "a path that this system can follow")
        if not self.anywhere and not target.is_relative_to(self.folder.resolve()):
            allowed = f"a path inside {self.folder}, or suite.allow_outside = true"
            table.refuse(key, table.value(key), allowed)
        # The link's own name stays: suffixes tell formats.
        return folder / path.name

    def optional(self, table: Table, key: str) -> Path | None:
        return self.resolve(table, key) if key in table.names() else None


def _golden(table: Table, paths: _Paths) -> GoldenSpec:
    table.allow(f.name for f in fields(GoldenSpec) if f.name != "url")
    url = read_data_url(table, "data", anywhere=paths.anywhere)
    return GoldenSpec(
        data=paths.folder / "data" if url else paths.resolve(table, "data"),
        url=url,
        labels=paths.optional(table, "labels"),
        classes=paths.optional(table, "classes"),
        recorded=paths.optional(table, "recorded"),
        preprocess=_preprocess(table.table("preprocess")),
        metadata=table.labels("metadata"),
        group=table.optional_text("group"),
        options=table.free("options"),
        calibration=paths.optional(table, "calibration"),
        hide_inputs=table.flag("hide_inputs"),
    )


def _preprocess(table: Table) -> Preprocess:
    table.allow(f.name for f in fields(Preprocess))
    dtype = table.optional_text("dtype")
    if dtype is not None and dtype not in _DTYPES:
        table.refuse("dtype", dtype, f"one of {', '.join(_DTYPES)}")
    return Preprocess(
        scale=table.number("scale"),
        offset=table.number("offset"),
        transpose=table.axes("transpose"),
        dtype=dtype,
        flatten=table.flag("flatten"),
    )


def _variants(
    root: Table, paths: _Paths, task: Task, lines: tuple[int, ...]
) -> Iterator[tuple[Table, VariantSpec]]:
    tables = root.tables("variant")
    # An inline array of tables has no headers to count.
    places = lines if len(lines) == len(tables) else (1,) * len(tables)
    names: set[str] = set()
    for table, line in zip(tables, places, strict=True):
        variant = _variant(table, paths, task, line)
        if variant.name in names:
            table.refuse("name", variant.name, "a name no other variant has")
        names.add(variant.name)
        yield table, variant


def _variant(table: Table, paths: _Paths, task: Task, line: int) -> VariantSpec:
    table.allow(f.name for f in fields(VariantSpec) if f.name not in _NOT_KEYS)
    own = "preprocess" in table.names()
    path, url = _place(table, paths)
    return VariantSpec(
        name=table.label("name", without=_MARKS),
        kind=table.choice("kind", Kind),
        path=path,
        line=line,
        backend=table.optional_text("backend"),
        options=_options(table, paths, url),
        batch_size=table.count("batch_size"),
        inputs=table.names_to_names("inputs"),
        outputs=table.names_to_names("outputs"),
        preprocess=_preprocess(table.table("preprocess")) if own else None,
        gate=read_gate(table.table("gate"), task),
        max_drop=read_max_drop(table.table("gate")),
        batch_axis=_batch_axis(table),
        url=url,
        matrix=read_matrix(table),
    )


def _place(table: Table, paths: _Paths) -> tuple[Path, str | None]:
    """Path of a model, or a name under which no file lies and the URL of its endpoint.

    The backend of a URL has to be said: there are no bytes to tell it from.
    """
    if "url" not in table.names():
        return paths.resolve(table, "path"), None
    if "path" in table.names():
        table.refuse("path", table.value("path"), "nothing where a URL is given")
    url = read_url(table, "url")
    table.choice("backend", Remote)
    return paths.folder / url, url


def _options(table: Table, paths: _Paths, url: str | None) -> dict[str, object]:
    """The backend's options; a file of an endpoint's lies beside the suite.

    Those of a model's file are relative to that file, which its backend knows.
    """
    options = dict(table.free("options"))
    if url is not None and isinstance(name := options.get(_CERTIFICATES), str):
        # An absolute path stays: the system keeps its certificates elsewhere.
        options[_CERTIFICATES] = str(paths.folder / name)
    return options


def _batch_axis(table: Table) -> BatchAxis | dict[str, BatchAxis] | None:
    key = "batch_axis"
    if key not in table.names():
        return None
    if not isinstance(table.value(key), dict):
        return _axis(table, key)
    axes = table.table(key)
    return {name: _axis(axes, name) for name in axes.names()}


def _axis(table: Table, key: str) -> BatchAxis:
    axis = table.value(key)
    if axis == "none":
        return "none"
    # bool is an int to Python, and no axis to anyone.
    if not isinstance(axis, int) or isinstance(axis, bool) or not 0 <= axis < _MAX_RANK:
        allowed = f'an axis from 0 to {_MAX_RANK - 1}, "none", or a table of them'
        table.refuse(key, axis, allowed)
    return axis


def _variant_lines(text: str) -> tuple[int, ...]:
    # Not splitlines: TOML's lines end in a newline and in nothing else.
    lines = enumerate(text.split("\n"), start=1)
    return tuple(n for n, line in lines if _VARIANT_HEADER.match(line))
