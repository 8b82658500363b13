"""Which columns of golden data are inputs, labels, truths, names and metadata."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.core.errors import GoldenError
from harness.golden.labels import LABEL_KEYS, check_labels

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from harness.golden.rows import Column

SAMPLE_ID = "sample_id"
GROUP = "group"
_SLICE = "slice_"
_TARGET = "target"


@dataclass(frozen=True, slots=True)
class Naming:
    """What the suite says of columns; the rest goes by their names.

    Attributes:
        label: Column of the labels, None for the usual ones.
        sample_id: Column of the samples' names, None for the usual one.
        group: Column of what makes samples depend on each other, likewise.
        targets: Further columns of ground truth.
        metadata: Further columns that slices are made of.
    """

    label: str | None = None
    sample_id: str | None = None
    group: str | None = None
    targets: tuple[str, ...] = ()
    metadata: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """All that are named."""
        single = (self.label, self.sample_id, self.group)
        named = tuple(name for name in single if name is not None)
        return (*named, *self.targets, *self.metadata)


@dataclass(frozen=True, slots=True)
class Roles:
    """What each column is for.

    Attributes:
        inputs: Fed to models.
        label: Class of a sample, None without labels.
        sample_id: Name of a sample, None without names.
        targets: Name of a truth -> its column.
        metadata: Name -> column; "group" is the group.
        unused: What nothing asks for.
    """

    inputs: tuple[str, ...]
    label: str | None = None
    sample_id: str | None = None
    targets: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    unused: tuple[str, ...] = ()

    @property
    def known(self) -> tuple[str, ...]:
        """Columns that are no inputs, each once."""
        single = (self.label, self.sample_id)
        named = (name for name in single if name is not None)
        truths = (*self.targets.values(), *self.metadata.values())
        return tuple(dict.fromkeys((*named, *truths)))

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that are read, each once."""
        return tuple(dict.fromkeys((*self.inputs, *self.known)))


def assign(
    where: str,
    columns: Mapping[str, Column],
    naming: Naming,
    declared: Roles | None = None,
) -> Roles:
    """Give every column its role.

    Args:
        where: What messages call the data.
        columns: All that are there; a column that is not of the samples' length must
            have been left out.
        naming: What the suite says; it goes before everything else.
        declared: What a manifest says; None goes by the names of the columns.

    Raises:
        GoldenError: A column that the suite names is not there, labels cannot be
            labels, or metadata are not one value a sample.
    """
    _require(where, columns, naming.columns)
    free = [name for name in columns if name not in naming.columns]
    label = naming.label or (declared.label if declared else _usual_label(columns))
    sample_id = naming.sample_id or _kept(declared, columns)
    targets = _targets(columns, free, naming, declared)
    metadata = _metadata(where, free, naming, declared)
    taken = {label, sample_id, *targets.values(), *metadata.values()}
    spare = [name for name in free if name not in taken]
    inputs = declared.inputs if declared else [n for n in spare if not is_known(n)]
    roles = Roles(
        inputs=tuple(name for name in inputs if name in spare),
        label=label,
        sample_id=sample_id,
        targets=targets,
        metadata=metadata,
        unused=tuple(name for name in spare if name not in inputs),
    )
    _check(where, columns, roles)
    return roles


def is_known(name: str) -> bool:
    """Whether a column's name says that no model is fed with it."""
    usual = name in (*LABEL_KEYS, SAMPLE_ID)
    return usual or is_metadata(name) or is_target(name, ())


def is_metadata(name: str) -> bool:
    """Whether a column's name says that slices or groups are made of it."""
    return name == GROUP or name.startswith(_SLICE)


def is_target(name: str, shape: tuple[int, ...]) -> bool:
    """Whether a column is ground truth that is no class index.

    Args:
        name: Of the column.
        shape: Of one row.
    """
    named = name == _TARGET or name.startswith(f"{_TARGET}_")
    return named or is_multilabel(name, shape)


def is_multilabel(name: str, shape: tuple[int, ...]) -> bool:
    """Whether a column holds a 0 or 1 a class, and so is a truth and no label.

    Args:
        name: Of the column.
        shape: Of one row.
    """
    return name == "labels" and len(shape) == 1 and shape != (1,)


def target_name(column: str) -> str:
    """What a truth is called: its column without the prefix."""
    return column.removeprefix(f"{_TARGET}_")


def metadata_name(column: str) -> str:
    """What metadata are called: their column without the prefix."""
    return column.removeprefix(_SLICE)


def _require(where: str, columns: Iterable[str], names: Iterable[str]) -> None:
    there = list(columns)
    for name in names:
        if name not in there:
            raise GoldenError(
                f"{where} has no column {name!r}",
                hint=f"its columns are: {', '.join(there) or 'none'}",
            )


def _usual_label(columns: Mapping[str, Column]) -> str | None:
    singles = (
        key
        for key in LABEL_KEYS
        if key in columns and not is_multilabel(key, columns[key].shape)
    )
    return next(singles, None)


def _kept(declared: Roles | None, columns: Mapping[str, Column]) -> str | None:
    if declared is not None:
        return declared.sample_id
    return SAMPLE_ID if SAMPLE_ID in columns else None


def _targets(
    columns: Mapping[str, Column],
    free: list[str],
    naming: Naming,
    declared: Roles | None,
) -> dict[str, str]:
    usual = [name for name in free if is_target(name, columns[name].shape)]
    if declared is not None:
        usual = [name for name in declared.targets.values() if name in free]
    return {target_name(name): name for name in (*usual, *naming.targets)}


def _metadata(
    where: str, free: list[str], naming: Naming, declared: Roles | None
) -> dict[str, str]:
    usual = [name for name in free if name.startswith(_SLICE)]
    if declared is not None:
        usual += [n for n in declared.metadata.values() if n in free and n != GROUP]
    found: dict[str, str] = {}
    for name in dict.fromkeys((*usual, *naming.metadata)):
        shown = metadata_name(name)
        if found.setdefault(shown, name) != name:
            raise GoldenError(
                f"{where}: columns {found[shown]!r} and {name!r} are both {shown!r}",
                hint="rename one of them",
            )
    if group := naming.group or (GROUP if GROUP in free else None):
        found[GROUP] = group
    return found


def _check(where: str, columns: Mapping[str, Column], roles: Roles) -> None:
    if roles.label is not None:
        label = columns[roles.label]
        check_labels(f"{where}: {label.name}", label.dtype, label.shape)
    for name in roles.metadata.values():
        if columns[name].shape != ():
            raise GoldenError(
                f"{where}: {name} has {columns[name].shape} values a sample",
                hint="groups and slices need one value a sample",
            )
