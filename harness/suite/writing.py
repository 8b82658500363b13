"""The text of a first suite file: what was found, and what else could be said."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

from harness.core.specs import GateSpec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.core.specs import Kind, Task

_GATE = {
    "atol": "|candidate - reference| <= atol + rtol * |reference|",
    "rtol": "the same rule",
    "max_mismatched": "share of elements that may break that rule",
    "min_top1_agreement": "least share of samples with the reference's top class",
    "max_accuracy_drop": "most that accuracy may fall",
    "max_recall_drop": "most that a class's recall may fall, judged with confidence",
    "min_weight_sqnr_db": "least signal-to-noise of a weight tensor, dB",
    "alpha": "error rate of the per-class tests",
    "confidence": "with which accuracy and recall must be within their limits",
    "false_discoveries": "in place of alpha: share of failures that may be chance",
}
_NUMBERS_ONLY = ("atol", "rtol", "max_mismatched", "min_weight_sqnr_db")
_COLUMN = 34


@dataclass(frozen=True, slots=True)
class Prepared:
    """Preprocessing to declare, and hints that stay comments.

    Attributes:
        transpose: Axis order; None leaves axes as they are.
        dtype: numpy dtype name; None leaves the data's.
        why: What the two are for.
        scale: Every element is multiplied by it; None leaves values as they are.
        offset: Added after scaling.
        scale_why: Why these two.
        hints: Lines of comment.
    """

    transpose: tuple[int, ...] | None = None
    dtype: str | None = None
    why: str = ""
    hints: tuple[str, ...] = ()
    scale: float | None = None
    offset: float | None = None
    scale_why: str = ""

    @property
    def declares(self) -> bool:
        """Whether anything but hints is there."""
        return (self.transpose, self.dtype, self.scale) != (None, None, None)


@dataclass(frozen=True, slots=True)
class DraftVariant:
    """One variant to declare.

    Attributes:
        name: Unique.
        kind: Guessed from the file.
        path: Relative to the suite file.
        facts: Lines of comment: what the file says of itself.
        gate: The limits of its kind, told as comments; None for the reference.
        inputs: Golden input name -> model input name.
        batch_size: None takes the model's own.
        batch_why: Why that one.
        prepared: Where it needs other preprocessing than the data's.
    """

    name: str
    kind: Kind
    path: str
    facts: tuple[str, ...] = ()
    gate: GateSpec | None = None
    inputs: Mapping[str, str] = field(default_factory=dict)
    batch_size: int | None = None
    batch_why: str = ""
    prepared: Prepared | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A suite to write.

    Attributes:
        name: Of the suite.
        task: How outputs are scored.
        task_why: What speaks for that task.
        data: Golden data, relative to the suite file.
        data_facts: What they hold, a line.
        labels: Labels in a file of their own, relative likewise.
        prepared: For every variant that does not declare its own.
        outside: Whether a path leaves the suite's folder.
        variants: The reference first.
    """

    name: str
    task: Task
    task_why: str
    data: str
    data_facts: str
    labels: str | None
    prepared: Prepared
    outside: bool
    variants: tuple[DraftVariant, ...]


def render_draft(draft: Draft) -> str:
    """A suite file that loads as it stands, with comments for its next reader."""
    blocks = [_HEAD.rstrip(), "", *_suite(draft), *_golden(draft)]
    for variant in draft.variants:
        blocks += ["", *_variant(draft, variant)]
    text = "\n".join(line.rstrip() for line in blocks) + "\n"
    return text.replace("\n\n\n", "\n\n")


def quoted(text: str) -> str:
    """A TOML string; whatever the text holds, it stays on its line."""
    # JSON leaves DEL as it is, TOML forbids it.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


_HEAD = """\
# One suite: one model, the forms it ships in, and the data they must agree on.
# Written by harness init: what was guessed says so. Mend it, and commit it.
#
#   harness run .       the whole gate
#   pytest .            each check of each variant is a test
#
# Paths are relative to this file. Whatever is not said here has a default.
"""


def _suite(draft: Draft) -> Iterator[str]:
    yield "[suite]"
    yield f"name = {quoted(draft.name)}"
    yield f'task = "{draft.task}"   # guessed: {draft.task_why}'
    yield f"reference = {quoted(draft.variants[0].name)}   # the others are held to it"
    if draft.outside:
        yield "allow_outside = true   # models or data lie outside of this folder"
    yield '# undecided = "fail"   # a check that the data cannot decide fails the run'
    yield ""


def _golden(draft: Draft) -> Iterator[str]:
    yield "[golden]"
    yield f"# {draft.data_facts}"
    yield f"data = {quoted(draft.data)}"
    if draft.labels is not None:
        yield f"labels = {quoted(draft.labels)}"
    yield '# classes = "classes.txt"   # names of the classes, one a line'
    yield '# recorded = "recorded"     # harness record keeps the reference\'s answers'
    yield ""
    yield from _prepared("golden", draft.prepared)


def _prepared(table: str, prepared: Prepared, *, own: bool = False) -> Iterator[str]:
    """A table; a comment where it declares nothing and is not to replace another."""
    declares = own or prepared.declares
    if not declares and not prepared.hints:
        return
    yield f"{'' if declares else '# '}[{table}.preprocess]"
    if prepared.why:
        yield f"# {prepared.why}"
    elif own and not prepared.declares:
        yield "# the data as they are, whatever the others need"
    if prepared.transpose is not None:
        yield f"transpose = {list(prepared.transpose)}"
    if prepared.dtype is not None:
        yield f'dtype = "{prepared.dtype}"'
    if prepared.scale is not None:
        yield f"# {prepared.scale_why}"
        yield f"scale = {prepared.scale!r}"
        yield f"offset = {prepared.offset or 0.0!r}"
    yield from (f"# {hint}" for hint in prepared.hints)


def _variant(draft: Draft, variant: DraftVariant) -> Iterator[str]:
    yield from (f"# {fact}" for fact in variant.facts)
    yield "[[variant]]"
    yield f"name = {quoted(variant.name)}"
    guessed = "" if variant.gate is None else "   # guessed; picks the limits"
    yield f'kind = "{variant.kind}"{guessed}'
    yield f"path = {quoted(variant.path)}"
    if variant.batch_size is not None:
        yield f"batch_size = {variant.batch_size}   # {variant.batch_why}"
    if variant.inputs:
        pairs = (f"{quoted(k)} = {quoted(v)}" for k, v in variant.inputs.items())
        yield f"inputs = {{ {', '.join(pairs)} }}   # golden name = model's name"
    if variant.prepared is not None:
        yield from _prepared("variant", variant.prepared, own=True)
    if variant.gate is not None:
        yield from _gate(draft, variant.gate)


def _gate(draft: Draft, gate: GateSpec) -> Iterator[str]:
    yield "# The defaults of this kind; take away the # of what is to be another limit."
    yield "# [variant.gate]"
    for each in fields(GateSpec):
        if each.name not in _GATE:
            continue
        if draft.task == "tensor" and each.name not in _NUMBERS_ONLY:
            continue
        limit = getattr(gate, each.name)
        line = f"# ({each.name}: none)" if limit is None else f"# {each.name} = {limit}"
        yield f"{line:{_COLUMN}}# {_GATE[each.name]}"
