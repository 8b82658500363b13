"""Reads a suite file, key by key."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields
from pathlib import Path

from harness.core.errors import SuiteError
from harness.core.specs import (
    GateSpec,
    GoldenSpec,
    Kind,
    Preprocess,
    Suite,
    Task,
    Undecided,
    VariantSpec,
)
from harness.suite.table import Table

FILE_NAME = "quality.toml"
FILE_PATTERNS = (FILE_NAME, f"*.{FILE_NAME}")
_MAX_BYTES = 1 << 20

# dtypes that preprocessing may feed a model; anything else is a typing mistake.
_DTYPES = (
    *("bool", "float16", "float32", "float64", "int8", "int16", "int32", "int64"),
    *("uint8", "uint16", "uint32", "uint64"),
)
# Limits that are shares; the others are tolerances or decibels.
_SHARES = frozenset(
    {"max_mismatched", "min_top1_agreement", "max_accuracy_drop", "max_recall_drop"}
)
# Marks that a variant's name may not hold: it is a folder's name among recordings
# and a part of a pytest node id.
_MARKS = r"/\:[]"
_VARIANT_HEADER = re.compile(r'\s*\[\[\s*(["\']?)variant\1\s*\]\]')


def find_suite(path: Path) -> Path:
    """The suite file that `path` means: itself, or ``quality.toml`` in the folder.

    Raises:
        SuiteError: There is none, or the folder holds several and no plain one.
    """
    try:
        is_file, is_folder = path.is_file(), path.is_dir()
    except OSError as error:
        raise _unreadable(path, error) from error
    if is_file:
        return path
    if not is_folder:
        raise SuiteError(
            f"{path}: no such suite file or folder",
            hint=f"name a {FILE_NAME} or the folder that holds it",
        )
    if (path / FILE_NAME).is_file():
        return path / FILE_NAME
    found = sorted(path.glob(FILE_PATTERNS[1]))
    if len(found) == 1:
        return found[0]
    seen = ", ".join(f.name for f in found) or "none"
    raise SuiteError(
        f"{path}: no single suite file here (found: {seen})",
        hint=f"name the file, or add a {FILE_NAME}",
    )


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
    text = _read(file)
    root = Table(file, "", _parse(file, text))
    root.allow(("suite", "golden", "variant"))
    head = root.table("suite", required=True)
    head.allow(("name", "task", "reference", "undecided", "allow_outside"))
    paths = _Paths(file.parent, anywhere=head.flag("allow_outside"))
    suite = Suite(
        path=file,
        name=head.label("name"),
        task=head.choice("task", Task),
        reference=head.text("reference"),
        golden=_golden(root.table("golden", required=True), paths),
        variants=_variants(root, paths, _variant_lines(text)),
        undecided=head.choice("undecided", Undecided, "warn"),
    )
    if suite.reference not in {v.name for v in suite.variants}:
        names = ", ".join(v.name for v in suite.variants)
        head.refuse("reference", suite.reference, f"a variant's name: {names}")
    return suite


class _Paths:
    """Turns paths of the file into absolute ones, inside its folder unless allowed."""

    def __init__(self, folder: Path, *, anywhere: bool) -> None:
        self._folder = folder
        self._anywhere = anywhere

    def resolve(self, table: Table, key: str) -> Path:
        path = self._folder / table.text(key)
        try:
            folder, target = path.parent.resolve(), path.resolve()
            path.exists()  # what cannot even be looked at is refused here
        except (OSError, RuntimeError, ValueError):
            # A NUL character, a loop of links, a name longer than the system allows.
            table.refuse(key, table.value(key), "a path that this system can follow")
        if not self._anywhere and not target.is_relative_to(self._folder.resolve()):
            allowed = f"a path inside {self._folder}, or suite.allow_outside = true"
            table.refuse(key, table.value(key), allowed)
        # The link's own name stays: suffixes tell formats.
        return folder / path.name

    def optional(self, table: Table, key: str) -> Path | None:
        return self.resolve(table, key) if key in table.names() else None


def _read(file: Path) -> str:
    try:
        if file.stat().st_size > _MAX_BYTES:
            raise SuiteError(
                f"{file} is larger than {_MAX_BYTES} bytes",
                hint="a suite file holds a few lines a variant; is it the right file?",
            )
        # utf-8-sig: some editors put a byte order mark in front.
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(file, error) from error


def _unreadable(file: Path, error: OSError | UnicodeDecodeError) -> SuiteError:
    reason = error.strerror if isinstance(error, OSError) else f"not UTF-8: {error}"
    return SuiteError(
        f"{file} cannot be read: {reason}", hint="give a readable UTF-8 TOML file"
    )


def _parse(file: Path, text: str) -> dict[str, object]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        # ValueError: TOMLDecodeError, and what int() says of thousands of digits.
        raise SuiteError(
            f"{file} is not TOML: {error}", hint="mend the line that is named"
        ) from error


def _golden(table: Table, paths: _Paths) -> GoldenSpec:
    table.allow(("data", "labels", "classes", "recorded", "preprocess"))
    return GoldenSpec(
        data=paths.resolve(table, "data"),
        labels=paths.optional(table, "labels"),
        classes=paths.optional(table, "classes"),
        recorded=paths.optional(table, "recorded"),
        preprocess=_preprocess(table.table("preprocess")),
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
    )


def _variants(
    root: Table, paths: _Paths, lines: tuple[int, ...]
) -> tuple[VariantSpec, ...]:
    tables = root.tables("variant")
    # An inline array of tables has no headers to count.
    places = lines if len(lines) == len(tables) else (1,) * len(tables)
    variants: dict[str, VariantSpec] = {}
    for table, line in zip(tables, places, strict=True):
        variant = _variant(table, paths, line)
        if variant.name in variants:
            table.refuse("name", variant.name, "a name no other variant has")
        variants[variant.name] = variant
    return tuple(variants.values())


def _variant(table: Table, paths: _Paths, line: int) -> VariantSpec:
    table.allow(f.name for f in fields(VariantSpec) if f.name != "line")
    own = "preprocess" in table.names()
    return VariantSpec(
        name=table.label("name", without=_MARKS),
        kind=table.choice("kind", Kind),
        path=paths.resolve(table, "path"),
        line=line,
        backend=table.optional_text("backend"),
        options=table.free("options"),
        batch_size=table.count("batch_size"),
        inputs=table.names_to_names("inputs"),
        outputs=table.names_to_names("outputs"),
        preprocess=_preprocess(table.table("preprocess")) if own else None,
        gate=_gate(table.table("gate")),
    )


def _gate(table: Table) -> dict[str, float]:
    table.allow(f.name for f in fields(GateSpec))
    return {name: _limit(table, name) for name in table.names()}


def _limit(table: Table, name: str) -> float:
    limit = table.number(name)
    if limit is None or limit < 0:
        table.refuse(name, table.value(name), "a number from 0")
    if name in _SHARES and limit > 1:
        table.refuse(name, limit, "a share from 0 to 1")
    if name == "alpha" and not 0 < limit < 1:
        table.refuse(name, limit, "an error rate between 0 and 1")
    return limit


def _variant_lines(text: str) -> tuple[int, ...]:
    # Not splitlines: TOML's lines end in a newline and in nothing else.
    lines = enumerate(text.split("\n"), start=1)
    return tuple(n for n, line in lines if _VARIANT_HEADER.match(line))
