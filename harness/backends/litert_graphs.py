"""Graphs of a LiteRT model, called on arrays by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from harness.backends.litert_tensors import Tensor, tensor_of
from harness.core.errors import SuiteError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from harness.core.protocols import Array, Arrays

_DEFAULT = "serving_default"


class Graph(Protocol):
    """What a signature runs, or the main graph of a model that has none.

    Attributes:
        inputs: In the graph's order.
        outputs: Likewise.
    """

    inputs: list[Tensor]
    outputs: list[Tensor]

    def __call__(self, feeds: Arrays) -> dict[str, Array]:
        """Answer a batch of any size that the graph takes."""
        ...


def choose_graph(
    interpreter: Any, signature: str, path: Path
) -> tuple[Graph, str | None]:
    """The graph to run, and the signature that names its tensors.

    Args:
        interpreter: Of the model.
        signature: The one asked for; "" takes the only one or ``serving_default``,
            and the tensors' own names in a model without any.
        path: Of the model, for messages.

    Raises:
        SuiteError: There is no such signature, or several and none is asked for.
    """
    known = sorted(interpreter.get_signature_list())
    if not signature and not known:
        return _MainGraph(interpreter, *_unnamed(interpreter)), None
    name = signature or (known[0] if len(known) == 1 else _DEFAULT)
    if name not in known:
        raise SuiteError(
            f"{path} has no signature {name!r}",
            hint=f"its signatures are: {', '.join(known) or 'none'};"
            ' say options = { signature = "..." }',
        )
    runner = interpreter.get_signature_runner(name)
    tables = runner.get_input_details(), runner.get_output_details()
    mains = interpreter.get_input_details(), interpreter.get_output_details()
    orders = [[detail["index"] for detail in details] for details in mains]
    if all(map(_is_of, tables, mains)):
        inputs, outputs = map(_tensors, tables, orders)
        return _MainGraph(interpreter, inputs, outputs), name
    return _SignatureGraph(runner, *map(_tensors, tables, ([], []))), name


class _MainGraph:
    """The model's first graph, resized only where shapes change."""

    def __init__(
        self, interpreter: Any, inputs: list[Tensor], outputs: list[Tensor]
    ) -> None:
        self._interpreter = interpreter
        self.inputs, self.outputs = inputs, outputs
        self._shapes: dict[int, tuple[int, ...]] = {}

    def __call__(self, feeds: Arrays) -> dict[str, Array]:
        self._resize({t.index: feeds[t.name].shape for t in self.inputs})
        for tensor in self.inputs:
            value = tensor.to_graph(feeds[tensor.name])
            self._interpreter.set_tensor(tensor.index, value)
        self._interpreter.invoke()
        # get_tensor copies, so that the next invoke cannot change what we gave.
        read = self._interpreter.get_tensor
        return {t.name: t.from_graph(read(t.index)) for t in self.outputs}

    def _resize(self, shapes: dict[int, tuple[int, ...]]) -> None:
        if shapes == self._shapes:
            return
        # A resize that fails leaves the graph in neither shape.
        self._shapes = {}
        for index, shape in shapes.items():
            self._interpreter.resize_tensor_input(index, shape)
        self._interpreter.allocate_tensors()
        self._shapes = shapes


class _SignatureGraph:
    """Another graph of the model, which only its signature's runner reaches."""

    def __init__(
        self, runner: Any, inputs: list[Tensor], outputs: list[Tensor]
    ) -> None:
        self._runner = runner
        self.inputs, self.outputs = inputs, outputs

    def __call__(self, feeds: Arrays) -> dict[str, Array]:
        arrays = {t.name: t.to_graph(feeds[t.name]) for t in self.inputs}
        answers = self._runner(**arrays)
        return {t.name: t.from_graph(answers[t.name]) for t in self.outputs}


def _unnamed(interpreter: Any) -> tuple[list[Tensor], list[Tensor]]:
    def own(details: Iterable[Mapping[str, Any]]) -> list[Tensor]:
        return [tensor_of(detail, detail["name"]) for detail in details]

    return own(interpreter.get_input_details()), own(interpreter.get_output_details())


def _is_of(table: Mapping[str, Mapping[str, Any]], main: Iterable[Any]) -> bool:
    """Whether a signature's tensors are those of the main graph.

    Indices start anew in each graph; names tell graphs apart.
    """
    tensors = {(detail["index"], detail["name"]) for detail in main}
    return {(d["index"], d["name"]) for d in table.values()} == tensors


def _tensors(table: Mapping[str, Mapping[str, Any]], order: list[int]) -> list[Tensor]:
    """By argument name, in the order of the graph; one tensor may have two names."""
    found = [tensor_of(detail, name) for name, detail in sorted(table.items())]
    places = {index: place for place, index in enumerate(order)}
    return sorted(found, key=lambda tensor: places.get(tensor.index, 0))
