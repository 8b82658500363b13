"""Two model files and some data: a suite that needs no file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.backends.detect import detect_form
from harness.core.specs import (
    DEFAULT_ISOLATION,
    GoldenSpec,
    Preprocess,
    RunOptions,
    Suite,
    VariantSpec,
)
from harness.golden.source import open_golden
from harness.inspection import inspect_model
from harness.pipeline.evaluation import evaluate
from harness.pipeline.guesses import guess_kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.core.results import QualityReport
    from harness.core.specs import Kind, Task


def compare(  # noqa: PLR0913 - two files, data, and what a suite would say of them
    reference: Path | str,
    candidate: Path | str,
    data: Path | str,
    *,
    labels: Path | str | None = None,
    kind: Kind | None = None,
    preprocess: Preprocess | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> QualityReport:
    """Hold one model file against another on golden data.

    Args:
        reference: Model file or folder that is right.
        candidate: Model file or folder that is judged.
        data: Golden data, in any of their forms; a str may be a URL.
        labels: ``.npy`` or ``.npz`` with labels, where the data has none.
        kind: Picks the gate's defaults; None guesses from the file.
        preprocess: How samples are prepared for both models.
        progress: Told (samples done, samples in all) as the pass goes on.

    Raises:
        HarnessError: A file or the data is wrong.
    """
    suite = suite_of(
        reference, candidate, data, labels=labels, kind=kind, preprocess=preprocess
    )
    return evaluate(suite, RunOptions(missing="fail"), progress)


def suite_of(
    reference: Path | str,
    candidate: Path | str,
    data: Path | str,
    *,
    labels: Path | str | None = None,
    kind: Kind | None = None,
    preprocess: Preprocess | None = None,
) -> Suite:
    """The suite of two model files, called ``reference`` and ``candidate``.

    Raises:
        HarnessError: The data or the candidate is wrong.
    """
    theirs, ours = Path(reference).absolute(), Path(candidate).absolute()
    url = str(data) if "://" in str(data) else None
    golden = GoldenSpec(
        data=Path(data).absolute(),
        url=url,
        labels=None if labels is None else Path(labels).absolute(),
        preprocess=preprocess or Preprocess(),
    )
    return Suite(
        path=Path.cwd() / "quality.toml",
        name=f"{theirs.name} against {ours.name}",
        task=_task(golden),
        reference="reference",
        golden=golden,
        variants=(
            _variant("reference", "original", theirs),
            _variant("candidate", kind or _kind(ours), ours),
        ),
    )


def _variant(name: str, kind: Kind, path: Path) -> VariantSpec:
    return VariantSpec(name, kind, path, isolation=DEFAULT_ISOLATION)


def _task(golden: GoldenSpec) -> Task:
    source = open_golden(golden)
    decides = source.has_labels or source.class_names is not None
    return "classification" if decides else "tensor"


def _kind(path: Path) -> Kind:
    form = detect_form(path).name
    return guess_kind(form, inspect_model(path, form))
