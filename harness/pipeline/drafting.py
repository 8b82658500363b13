"""Two model files and some data -> a first suite file; runs nothing of the models."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.backends.detect import detect_form
from harness.core.errors import SuiteError, UnsupportedFormatError
from harness.core.files import write_text
from harness.core.specs import GoldenSpec
from harness.gate import default_gate
from harness.golden.source import open_golden
from harness.inspection import inspect_model
from harness.pipeline import guesses
from harness.suite import load_suite
from harness.suite.files import FILE_NAME
from harness.suite.writing import (
    Draft,
    DraftVariant,
    Prepared,
    quoted,
    render_draft,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.backends.forms.form import Form
    from harness.core.model_facts import ModelFacts
    from harness.core.protocols import GoldenSource
    from harness.core.specs import Suite

# What a variant's name may not hold; see `harness.suite`.
_MARKS = frozenset('/\\:[]"')
_MOST = 60
_LOOKED_AT = 64
_BYTE = 255


@dataclass(frozen=True, slots=True, eq=False)
class _Model:
    """A model file and what it says of itself."""

    path: Path
    form: Form
    facts: ModelFacts


def init_suite(
    folder: Path,
    reference: Path,
    candidate: Path,
    data: Path,
    *,
    labels: Path | None = None,
    force: bool = False,
) -> Suite:
    """Write ``quality.toml`` into a folder: detected, guessed, and commented.

    Args:
        folder: Where it goes; made where it is missing.
        reference: Model file or folder that is right.
        candidate: Model file or folder that is judged.
        data: Golden data, in any of its formats.
        labels: ``.npy`` or ``.npz`` with labels, where the data has none.
        force: Whether a suite file that is there is written over.

    Returns:
        The suite, read from the file.

    Raises:
        SuiteError: There is a suite file already, or a path cannot be written down.
        HarnessError: A model or the data cannot be read.
    """
    file = folder / FILE_NAME
    if folder.exists() and not folder.is_dir():
        raise SuiteError(
            f"{folder} is a file", hint=f"name the folder that {FILE_NAME} goes into"
        )
    if file.exists() and not force:
        raise SuiteError(
            f"{file} exists, and is not written over",
            hint="--force writes over it; another DIR leaves it",
        )
    source = open_golden(GoldenSpec(data=data.absolute(), labels=_absolute(labels)))
    models = (_model(reference), _model(candidate))
    text = render_draft(_draft(folder, models, source, data, labels))
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise SuiteError(
            f"a path holds {text[error.start]!r}, which no TOML file can hold",
            hint="rename the file or folder",
        ) from error
    write_text(file, text)
    return load_suite(file)


def _model(path: Path) -> _Model:
    form = detect_form(path)
    if form.backend is None:
        raise UnsupportedFormatError(
            f"{path} is {form.title}, which no backend runs", hint=form.reason
        )
    return _Model(path, form, inspect_model(path, form.name))


def _draft(
    folder: Path,
    models: tuple[_Model, _Model],
    source: GoldenSource,
    data: Path,
    labels: Path | None,
) -> Draft:
    names = _names(*(model.path for model in models))
    outputs = next((m.facts.outputs for m in models if m.facts.outputs), ())
    known = next((m.facts.outputs for m in models if _tells(m)), outputs)
    task, why = guesses.guess_task(source, known)
    scaled = _scaled(source, models)
    prepared = [_prepared(source, model, scaled) for model in models]
    hints = () if scaled else _hints(source, models[0])
    shared = replace(prepared[0], hints=hints)
    variants = [
        _variant(folder, *pair, source) for pair in zip(names, models, strict=True)
    ]
    kind = guesses.guess_kind(models[1].form.name, models[1].facts)
    variants[1] = replace(
        variants[1],
        kind=kind,
        gate=default_gate(kind),
        prepared=None if _alike(*prepared) else prepared[1],
    )
    paths = [data, *(model.path for model in models), *([labels] if labels else [])]
    return Draft(
        name=_label(models[0].path.resolve().stem) or "suite",
        task=task,
        task_why=why,
        data=_relative(data, folder),
        data_facts=_data_facts(source),
        labels=None if labels is None else _relative(labels, folder),
        prepared=shared,
        outside=any(_leaves(path, folder) for path in paths),
        variants=tuple(variants),
    )


def _variant(
    folder: Path, name: str, model: _Model, source: GoldenSource
) -> DraftVariant:
    facts = model.facts
    bound = guesses.bind(source.inputs, facts.inputs)
    dynamic = facts.quantization is not None and facts.quantization.scheme == "dynamic"
    told = [f"{facts.format}, {model.form.backend}: {_interface(facts)}"]
    if facts.quantization is not None and facts.quantization.scheme != "none":
        told.append(f"quantized: {facts.quantization.scheme}")
    if bound is None:
        told.append(
            "which golden array feeds which input cannot be told: say it by"
            ' inputs = { "golden name" = "model\'s name" }'
        )
    return DraftVariant(
        name=name,
        kind="original",
        path=_relative(model.path, folder),
        facts=tuple(_one_line(line) for line in (*told, *facts.value_hints[:3])),
        inputs=bound or {},
        batch_size=1 if dynamic else None,
        batch_why="its scales depend on the batch: one sample at a time",
    )


def _prepared(source: GoldenSource, model: _Model, scaled: Prepared | None) -> Prepared:
    """What a model with one input needs before it takes the data at all."""
    golden, inputs = source.inputs, model.facts.inputs
    if len(golden) != 1 or len(inputs) != 1:
        return Prepared()
    plain = scaled or Prepared()
    transpose = guesses.transpose_of(golden[0], inputs[0])
    dtype = guesses.dtype_of(golden[0], inputs[0])
    why = f"the data are {_sizes(golden[0])}, the model takes {_sizes(inputs[0])}"
    moved = why if transpose or dtype else ""
    return replace(plain, transpose=transpose, dtype=dtype, why=moved)


def _scaled(source: GoldenSource, models: Sequence[_Model]) -> Prepared | None:
    """Pixels made what a quantized model says it was calibrated on; None elsewhere."""
    if len(source.inputs) != 1:
        return None
    ranges = {
        model.path.name: ends
        for model in models
        if len(model.facts.inputs) == 1
        for ends in model.facts.input_ranges.values()
    }
    top = _top_of_pixels(source) if ranges else None
    for name, ends in ranges.items():
        guess = None if top is None else guesses.scale_of(_full(top), ends)
        if guess is not None:
            why = (
                f"the data are 0 to {top}, {name} takes {ends[0]:.4g} to {ends[1]:.4g}"
            )
            return Prepared(scale=guess[0], offset=guess[1], scale_why=_one_line(why))
    return None


def _alike(first: Prepared, second: Prepared) -> bool:
    return (first.transpose, first.dtype) == (second.transpose, second.dtype)


def _hints(source: GoldenSource, model: _Model) -> tuple[str, ...]:
    """Pixels are rarely what a model of real numbers was trained on."""
    real = any(spec.dtype.startswith("float") for spec in model.facts.inputs)
    top = _top_of_pixels(source) if real else None
    if top is None:
        return ()
    full = _full(top)
    return (
        f"the data are whole numbers, 0 to {top} in the first samples. If the models",
        "were trained on other numbers, say so, or all are judged on noise:",
        f"scale = {1 / full!r}   # 1/{full}: to 0..1",
        "offset = 0.0",
    )


def _full(top: int) -> int:
    """What white is, where the largest number of the first samples is known."""
    return _BYTE if top > _BYTE // 2 else top


def _top_of_pixels(source: GoldenSource) -> int | None:
    """The largest number, where all are whole, none is negative, and 1 is exceeded."""
    first = next(iter(source.chunks(min(_LOOKED_AT, source.n_samples))))
    arrays = [array for array in first.inputs.values() if array.ndim > 2]
    if not arrays or not all(array.dtype.kind in "fu" for array in arrays):
        return None
    low = min(float(array.min(initial=0)) for array in arrays)
    top = max(float(array.max(initial=0)) for array in arrays)
    whole = all(bool((array == np.rint(array)).all()) for array in arrays)
    return int(top) if whole and low >= 0 and 1 < top <= _BYTE else None


def _interface(facts: ModelFacts) -> str:
    inputs = ", ".join(map(_sizes, facts.inputs)) or "inputs that it does not tell"
    outputs = ", ".join(map(_sizes, facts.outputs)) or "outputs that it does not tell"
    return f"{inputs} -> {outputs}"


def _data_facts(source: GoldenSource) -> str:
    arrays = ", ".join(map(_sizes, source.inputs))
    labels = "labels" if source.has_labels else "no labels"
    names = source.class_names
    classes = "" if names is None else f", {len(names)} classes"
    return _one_line(f"{source.n_samples} samples: {arrays}; {labels}{classes}")


_sizes = guesses.sizes


def _tells(model: _Model) -> bool:
    return any(spec.shape is not None for spec in model.facts.outputs)


def _names(reference: Path, candidate: Path) -> tuple[str, str]:
    """Names after the files; after their suffixes too, where the stems are one."""
    stems = [_label(path.resolve().stem) for path in (reference, candidate)]
    whole = [_label(path.resolve().name) for path in (reference, candidate)]
    for first, second in (stems, whole):
        if first and second and first != second:
            return first, second
    return "reference", "candidate"


def _label(text: str) -> str:
    """A name that a suite takes; empty where nothing is left of it."""
    kept = "".join("-" if c in _MARKS or not c.isprintable() else c for c in text)
    kept = kept[:_MOST].strip()
    return "" if kept in {".", ".."} else kept


def _relative(path: Path, folder: Path) -> str:
    """As the suite writes it: from its folder, with plain slashes."""
    return Path(os.path.relpath(_followed(path), folder.resolve())).as_posix()


def _leaves(path: Path, folder: Path) -> bool:
    return not path.resolve().is_relative_to(folder.resolve())


def _followed(path: Path) -> Path:
    """The folder's real place; the file's own name stays, since suffixes tell forms."""
    return path.parent.resolve() / path.name


def _absolute(path: Path | None) -> Path | None:
    return None if path is None else path.absolute()


def _one_line(text: str) -> str:
    """Names in it are others': a comment ends where its line does."""
    return quoted(text)[1:-1] if not text.isprintable() else text
