"""One file, run in several ways: what must not change its answers, and what does.

The first cell is the file as it is deployed. Every other cell changes one thing: the
optimization level, the provider, the number of threads or the batch size, so that a
cell that parts from the first one names by itself what it depends on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from harness.comparison import distance
from harness.core.errors import BackendError, ComparisonError
from harness.core.findings import Finding, MatrixCell, RunMatrix, Where
from harness.diagnose.run_causes import BATCH, FUSION, PROVIDER, THREADS
from harness.diagnose.steadiness import (
    CODES,
    LEVEL,
    PLAIN,
    TIES,
    measured_floor,
    plain_floor,
    precision_of,
    read_graph,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import onnx

    from harness.core.protocols import Arrays, RunFile

Axis = Literal["level", "provider", "threads", "batch_size"]
_CAUSES = {
    "level": FUSION,
    "provider": PROVIDER,
    "threads": THREADS,
    "batch_size": BATCH,
}
_OPTIONS = {"level": LEVEL, "threads": "intra_op_num_threads"}
# Operators by which samples of one batch, or two runs, may know of each other.
_MIXING = {
    "DynamicQuantizeLinear": "takes one scale from the whole batch",
    "RandomNormal": "draws random numbers",
    "RandomNormalLike": "draws random numbers",
    "RandomUniform": "draws random numbers",
    "RandomUniformLike": "draws random numbers",
    "Bernoulli": "draws random numbers",
    "Multinomial": "draws random numbers",
}


@dataclass(frozen=True, slots=True)
class Ways:
    """Values to try beside the deployed ones, one axis at a time.

    Attributes:
        levels: Optimization levels.
        providers: Names of execution providers.
        threads: Numbers of threads.
        batch_sizes: Samples a call.
    """

    levels: tuple[str, ...] = ("disable", "basic", "extended", "layout", "all")
    providers: tuple[str, ...] = ()
    threads: tuple[int, ...] = (1, 2)
    batch_sizes: tuple[int, ...] = (1,)

    def each(self) -> Iterator[tuple[Axis, str | int]]:
        """(axis, value) of all cells but the first."""
        yield from (("level", value) for value in self.levels)
        yield from (("provider", value) for value in self.providers)
        yield from (("threads", value) for value in self.threads)
        yield from (("batch_size", value) for value in self.batch_sizes)


@dataclass(frozen=True, slots=True, eq=False)
class MatrixQuestion:
    """Does it matter how the candidate is run?

    Attributes:
        variant: Name of the candidate.
        model: Its ONNX file.
        outputs: Its answers as it is deployed, by the reference's names.
        run: Runs it otherwise.
        ways: What to try.
        deployed: Axis -> how it is deployed; these cells are the first one.
        class_names: Names of the columns of a classifier's scores.
        atol: Differences of outputs up to this are none.
    """

    variant: str
    model: Path | bytes
    outputs: Arrays
    run: RunFile
    ways: Ways = field(default_factory=Ways)
    deployed: Mapping[str, str | int | None] = field(default_factory=dict)
    class_names: tuple[str, ...] | None = None
    atol: float = 1e-6


def run_matrix(question: MatrixQuestion) -> tuple[RunMatrix, tuple[Finding, ...]]:
    """Run the candidate in several ways, and say which of them change its answers.

    Returns:
        The table, and one finding an axis that matters. Levels that matter are found
        here and explained by `harness.diagnose.fusion`.

    Raises:
        ModelLoadError: The model file cannot be read.
        BackendError: The file does not run without optimization.
    """
    model = read_graph(question.model)
    floors = _floors(question, model)
    first = _cell(question, "deployed", "", question.outputs, 0.0)
    cells = [first, *_others(question, floors)]
    samples = len(next(iter(question.outputs.values()), ()))
    table = RunMatrix(question.variant, samples, tuple(cells))
    return table, tuple(_findings(question, table, model))


def _floors(question: MatrixQuestion, model: onnx.ModelProto) -> dict[Axis, float]:
    """Largest difference that is rounding, an axis.

    Other kernels may round codes elsewhere; the same kernels on other threads or in
    other batches only add in another order.
    """
    precision = precision_of(model)
    plain = question.run(PLAIN)
    kernels, order = (
        max(
            measured_floor(question.run, plain, kind, question.atol),
            plain_floor(question.outputs, kind, question.atol),
        )
        for kind in (precision, TIES if precision is CODES else precision)
    )
    return {
        "level": kernels,
        "provider": kernels,
        "threads": order,
        "batch_size": order,
    }


def _others(
    question: MatrixQuestion, floors: Mapping[Axis, float]
) -> Iterator[MatrixCell]:
    for axis, value in question.ways.each():
        if question.deployed.get(axis) == value:
            continue
        floor = floors[axis]
        try:
            answers = _answers(question, axis, value)
            yield _cell(question, axis, str(value), answers, floor)
        except (BackendError, ComparisonError) as error:
            yield MatrixCell(axis, str(value), None, floor, reason=error.message)


def _answers(question: MatrixQuestion, axis: Axis, value: str | int) -> Arrays:
    if axis == "batch_size":
        return question.run({}, batch_size=int(value))
    if axis == "provider":
        return question.run({"providers": [value]})
    return question.run({_OPTIONS[axis]: value})


def _cell(
    question: MatrixQuestion, axis: str, value: str, answers: Arrays, floor: float
) -> MatrixCell:
    apart = distance(question.outputs, answers, question.class_names)
    return MatrixCell(
        axis=axis,
        value=value,
        max_abs_error=apart.max_abs_error,
        floor=floor,
        n_flipped=apart.n_flipped,
        parts=apart.max_abs_error > floor,
    )


def _findings(
    question: MatrixQuestion, table: RunMatrix, model: onnx.ModelProto
) -> Iterator[Finding]:
    for axis, cause in _CAUSES.items():
        mine = [cell for cell in table.cells if cell.axis == axis and cell.parts]
        if not mine:
            continue
        worst = max(mine, key=lambda cell: cell.max_abs_error or 0.0)
        node, why = _suspect(model, axis)
        yield Finding(
            code=cause.code,
            severity="error",
            cause=cause.slug,
            variant=question.variant,
            where=Where(
                candidate_node=node.name or node.output[0] if node else None,
                op_type=node.op_type if node else None,
            ),
            explanation=_told(axis, worst, mine) + why,
            reference_semantics="the same answers however the file is run",
            candidate_semantics=f"other answers at {_list(mine)}",
            hint=cause.hint,
        )


def _told(axis: str, worst: MatrixCell, mine: Sequence[MatrixCell]) -> str:
    words = axis.replace("_", " ")
    flips = f", {worst.n_flipped} top classes moved" if worst.n_flipped else ""
    return (
        f"the same file answers otherwise at {words} {_list(mine)} than as it is"
        f" deployed: up to {worst.max_abs_error:.3g}{flips}, where rounding explains"
        f" {worst.floor:.3g}"
    )


def _list(cells: Sequence[MatrixCell]) -> str:
    return ", ".join(cell.value for cell in cells)


def _suspect(model: onnx.ModelProto, axis: str) -> tuple[onnx.NodeProto | None, str]:
    """The first node by which batches can matter, and what it does."""
    if axis == "level":
        return None, ""
    for node in model.graph.node:
        trains = any(a.name == "training_mode" and a.i for a in node.attribute)
        why = "is in training mode" if trains else _MIXING.get(node.op_type)
        if why:
            return node, f". {node.op_type} '{node.name or node.output[0]}' {why}"
    return None, ""
