"""Weights of one model file, or of two held against each other: no suite, no data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.backends.detect import detect_form
from harness.backends.forms.table import FORMS
from harness.core.errors import ModelLoadError, UnsupportedFormatError
from harness.core.files import write_text
from harness.core.weight_report import FileWeights, WeightsReport
from harness.weights import (
    READERS,
    compare_weights,
    describe_all,
    rank_harm,
    reader_for,
    weights_frame,
)
from harness.weights.audit import audit_quantization, read_quantization

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.core.findings import QuantizationAudit
    from harness.core.protocols import WeightTensor
    from harness.weights.audit.ranges import ActivationRange

# Of shards, which detection tells by what they hold: this file holds their names.
_SHARDS = ".safetensors.index.json"


def weights_of(
    model: Path | str,
    other: Path | str | None = None,
    *,
    forms: Sequence[str] = (),
    formats: Sequence[str] = (),
) -> WeightsReport:
    """Describe a model's weights, or hold another model's against them.

    Args:
        model: Model file or folder; the reference where there are two.
        other: Model file or folder that is held against it.
        forms: Of `model` and of `other`, as detection names them; those that are
            left out are detected.
        formats: Number formats to try, as in `numeric_formats.FORMATS`.

    Raises:
        UnsupportedFormatError: A file's form is not known, or its weights are not
            read.
        ModelLoadError: A file is missing, cut short or damaged, or holds no weights.
        MissingDependencyError: A library that reads the form is not installed.
    """
    declared = (*forms, None, None)
    form, tensors = _opened(Path(model), declared[0])
    described = _described(model, form, tensors, formats)
    if other is None:
        audit = audited(Path(model), form, None)
        return WeightsReport(described, audit=audit)
    form, theirs = _opened(Path(other), declared[1])
    return WeightsReport(
        described,
        _described(other, form, theirs, formats),
        compare_weights(tensors, theirs, Path(model).name),
        audited(Path(other), form, tensors),
    )


def audited(
    path: Path,
    form: str,
    reference: Sequence[WeightTensor] | None,
    ranges: Mapping[str, ActivationRange] | None = None,
) -> QuantizationAudit | None:
    """The scales and codes of a quantized model; None where there are none.

    Args:
        path: The file.
        form: As detection names it.
        reference: Weights of the float model, where they are known.
        ranges: The float model's name of a value -> its range on data, likewise.

    Raises:
        ModelLoadError: The file is cut short or damaged.
    """
    values = read_quantization(path, form)
    if values is None or not values.values:
        return None
    return audit_quantization(values, reference, ranges)


def write_table(report: WeightsReport, path: Path) -> None:
    """A row a tensor as comma-separated values, of the file that is judged.

    Raises:
        ReportError: The file cannot be written.
    """
    judged = report.other or report.model
    frame = weights_frame(judged.tensors, report.comparison)
    write_text(path, frame.to_csv(lineterminator="\n"))


def _described(
    path: Path | str,
    form: str,
    tensors: Sequence[WeightTensor],
    formats: Sequence[str],
) -> FileWeights:
    statistics = describe_all(tensors, formats)
    harm = [one for format_ in formats for one in rank_harm(statistics, format_)]
    return FileWeights(str(path), form, statistics, tuple(formats), tuple(harm))


def _opened(path: Path, form: str | None) -> tuple[str, tuple[WeightTensor, ...]]:
    name = form or _form(path)
    reader = reader_for(name)
    if reader is None:
        title = next((f.title for f in FORMS if f.name == name), f"of form {name!r}")
        raise UnsupportedFormatError(
            f"{path} is {title}, whose weights are not read",
            hint=f"forms that are read: {', '.join(READERS)}",
        )
    tensors = tuple(reader(path))
    if not tensors:
        raise ModelLoadError(
            f"{path} holds no weights", hint="name the file that the weights lie in"
        )
    return name, tensors


def _form(path: Path) -> str:
    return "safetensors" if path.name.endswith(_SHARDS) else detect_form(path).name
