"""TensorFlow functions and sessions as calls on arrays by name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.backends.texts import decoded
from harness.core.protocols import TensorSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from harness.core.protocols import Array, Arrays


@dataclass(frozen=True, slots=True)
class ModelCall:
    """What is called: specs, a call on arrays, and how the record names it."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    call: Callable[[Arrays], dict[str, Array]]
    facts: Mapping[str, str] = field(default_factory=dict)


def function_call(
    tf: Any, function: Any, keep: Any, facts: Mapping[str, str]
) -> ModelCall:
    """A signature's call: tensors go in and come out by the names it gives them.

    Args:
        tf: TensorFlow.
        function: A concrete function that takes named tensors and gives a dict.
        keep: What holds its variables: a function alone lets them be collected.
        facts: As `ModelCall.facts`.
    """
    # The file keeps them in a map, in no order of its own.
    inputs = dict(sorted(function.structured_input_signature[1].items()))
    outputs = dict(sorted(function.structured_outputs.items()))

    def call(feeds: Arrays, _keep: Any = keep) -> dict[str, Array]:
        answers = function(**{name: tf.constant(feeds[name]) for name in inputs})
        return {name: decoded(answers[name].numpy()) for name in outputs}

    return ModelCall(_specs(inputs), _specs(outputs), call, facts)


def positional_call(
    tf: Any,
    function: Any,
    inputs: Mapping[str, Any],
    outputs: Mapping[str, Any],
) -> ModelCall:
    """The call of a pruned graph, which takes and gives tensors in order."""

    def call(feeds: Arrays) -> dict[str, Array]:
        answers = function(*(tf.constant(feeds[name]) for name in inputs))
        pairs = zip(outputs, answers, strict=True)
        return {name: decoded(answer.numpy()) for name, answer in pairs}

    return ModelCall(_specs(inputs), _specs(outputs), call, _names(inputs, outputs))


def session_call(
    session: Any,
    inputs: Mapping[str, Any],
    outputs: Mapping[str, Any],
    facts: Mapping[str, str],
) -> ModelCall:
    """The call of tensors in a TensorFlow 1 session, which it keeps open.

    Args:
        session: With its variables restored and its tables filled.
        inputs: Name -> tensor that is fed.
        outputs: Name -> tensor that is fetched.
        facts: As `ModelCall.facts`.
    """
    run = session.make_callable(list(outputs.values()), list(inputs.values()))

    def call(feeds: Arrays, _keep: Any = session) -> dict[str, Array]:
        answers = run(*(feeds[name] for name in inputs))
        # A fetched array may be the graph's own memory.
        pairs = zip(outputs, answers, strict=True)
        return {name: decoded(np.array(answer)) for name, answer in pairs}

    facts = {"loader": "v1 session", **_names(inputs, outputs), **facts}
    return ModelCall(_specs(inputs), _specs(outputs), call, facts)


def _specs(tensors: Mapping[str, Any]) -> tuple[TensorSpec, ...]:
    return tuple(_spec(name, tensor) for name, tensor in tensors.items())


def _spec(name: str, tensor: Any) -> TensorSpec:
    dtype = "str" if tensor.dtype.name == "string" else tensor.dtype.name
    known = tensor.shape.rank is not None
    return TensorSpec(name, dtype, tuple(tensor.shape.as_list()) if known else None)


def _names(*tables: Mapping[str, Any]) -> dict[str, str]:
    inputs, outputs = tables
    return {"inputs": ", ".join(inputs), "outputs": ", ".join(outputs)}
