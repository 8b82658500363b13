"""One candidate, run in several ways on the evidence samples."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from harness.core.errors import UnsupportedFormatError
from harness.diagnose import MatrixQuestion, Ways, run_matrix
from harness.pipeline.diagnosing import look_for_fusion
from harness.pipeline.opening import DEFAULT_BATCH_SIZE
from harness.pipeline.rerunning import file_runner

if TYPE_CHECKING:
    from harness.core.findings import Finding, RunMatrix
    from harness.core.protocols import GoldenSource
    from harness.core.specs import MatrixSpec, Suite, VariantSpec
    from harness.pipeline.comparing import Candidate, Pass
    from harness.pipeline.rerunning import FileRunner

# More threads than this share the work of a few samples no further.
_MOST_THREADS = 4


def matrix_of(
    suite: Suite, source: GoldenSource, state: Pass, candidate: Candidate
) -> tuple[RunMatrix, tuple[Finding, ...]]:
    """Run a candidate in the ways that its suite declares, else in the usual ones.

    Raises:
        UnsupportedFormatError: onnxruntime does not run it from an ONNX file.
        HarnessError: The model file is broken, or does not run.
    """
    run = file_runner(suite, source, state, candidate)
    spec = candidate.spec
    if run is None:
        raise UnsupportedFormatError(
            f"{spec.path.name} is not run by onnxruntime, so there are no levels,"
            " threads or providers to try",
            hint="--matrix and [variant.matrix] are for ONNX files",
        )
    n_samples = len(next(iter(run.inputs.values())))
    question = MatrixQuestion(
        variant=spec.name,
        model=spec.path,
        outputs=candidate.evidence.arrays(n_samples),
        run=run,
        ways=_ways(spec, candidate.facts.fixed, n_samples),
        deployed=_deployed(spec, candidate.facts.batch_size),
        class_names=state.class_names,
    )
    table, findings = run_matrix(question)
    return table, tuple(_named(finding, question, run) for finding in findings)


def _named(finding: Finding, question: MatrixQuestion, run: FileRunner) -> Finding:
    """A level that matters, told by its optimizer: the file itself says what is right.

    Where the deployed level is not the one that parts, the finding stays as it is.
    """
    if finding.code != "FUS001":
        return finding
    plain = run({"graph_optimization_level": "disable"})
    found = look_for_fusion(run, plain, question.outputs, question.class_names)
    return finding if found is None else found.finding


def _ways(spec: VariantSpec, fixed: int | None, n_samples: int) -> Ways:
    threads = (1, min(_MOST_THREADS, max(2, os.cpu_count() or 1)))
    # A model that takes a fixed number of samples takes no other.
    sizes = (1, n_samples) if fixed is None else ()
    usual = Ways(threads=threads, batch_sizes=tuple(dict.fromkeys(sizes)))
    return usual if spec.matrix is None else _declared(spec.matrix)


def _declared(spec: MatrixSpec) -> Ways:
    return Ways(spec.levels, spec.providers, spec.threads, spec.batch_sizes)


def _deployed(spec: VariantSpec, batch_size: int) -> dict[str, str | int | None]:
    """What the first cell is; it need not be run again."""
    options = spec.options
    level = options.get("graph_optimization_level", "all")
    threads = options.get("intra_op_num_threads", 1)
    return {
        "level": str(level),
        "threads": threads if isinstance(threads, int) else None,
        "batch_size": batch_size or DEFAULT_BATCH_SIZE,
    }
