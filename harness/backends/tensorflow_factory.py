"""Checkpoints without a graph, restored into a model that the suite's factory makes."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from harness.backends.factories import made_by
from harness.backends.keras_call import keras_call
from harness.backends.tensorflow_calls import ModelCall, positional_call
from harness.backends.tensorflow_runtime import without_advice
from harness.core.errors import ModelLoadError, SuiteError

if TYPE_CHECKING:
    from pathlib import Path

    from harness.backends.options import Options

_OBJECTS = "_CHECKPOINTABLE_OBJECT_GRAPH"
_VARIABLE = re.compile(r"<Variable path=([^,]+),|<tf\.Variable '([^']+)'")
_SHOWN = 5


def restored_by_factory(tf: Any, prefix: Path, request: Options) -> ModelCall:
    """The factory's model with the checkpoint's variables in it.

    Args:
        tf: TensorFlow.
        prefix: Of the checkpoint.
        request: Options ``factory`` with its ``factory_args``, and ``attribute``:
            under what name the model was saved, as in
            ``tf.train.Checkpoint(model=...)``. Without it, "model" where the
            checkpoint has that, else the model is the checkpoint's root.

    Raises:
        SuiteError: The factory or the attribute does not exist, or the factory makes
            what cannot be called by name.
        ModelLoadError: The factory fails, or a variable of the model is not in the
            checkpoint.
    """
    name = request.get("factory", str, "")
    model = made_by(name, request.get("factory_args", dict, {}))
    call = _call(tf, model, name)
    attribute = _attribute(tf, prefix, request)
    with without_advice(tf):
        saved = {attribute: model} if attribute else {"root": model}
        # Unlike restore, read asks for no count of saves, which write leaves out.
        status = tf.train.Checkpoint(**saved).read(str(prefix)).expect_partial()
    try:
        status.assert_existing_objects_matched()
    except AssertionError as error:
        raise _unrestored(prefix, name, str(error)) from error
    return replace(call, facts={**call.facts, "factory": name})


def _call(tf: Any, model: Any, factory: str) -> ModelCall:
    if getattr(model, "inputs", None) and hasattr(model, "outputs"):
        return keras_call(model)
    traced = model.__call__ if callable(model) else None
    if getattr(traced, "input_signature", None) is None:
        kind = type(model).__name__
        raise SuiteError(
            f"factory {factory!r} makes a {kind}, which tells no inputs",
            hint="let it make a Keras model that begins with an Input, or a tf.Module"
            " whose __call__ is a tf.function with an input_signature",
        )
    function = model.__call__.get_concrete_function()
    inputs = tf.nest.flatten(function.structured_input_signature)
    answers = function.structured_outputs
    outputs = tf.nest.flatten(answers)
    names = (
        sorted(answers)
        if isinstance(answers, dict)
        else [f"output_{place}" for place in range(len(outputs))]
    )
    return positional_call(
        tf,
        lambda *tensors: tf.nest.flatten(model(*tensors)),
        {spec.name: spec for spec in inputs},
        dict(zip(names, outputs, strict=True)),
    )


def _attribute(tf: Any, prefix: Path, request: Options) -> str:
    known = _attributes(tf, prefix)
    if known is None:
        return request.get("attribute", str, "model")
    name = request.get("attribute", str, "model" if "model" in known else "")
    if name and name not in known:
        raise SuiteError(
            f"{prefix} holds nothing under the name {name!r}",
            hint=f"it was saved with: {', '.join(known) or 'nothing'}",
        )
    return name


def _attributes(tf: Any, prefix: Path) -> list[str] | None:
    """Names at the checkpoint's root; None where it is saved by names of variables."""
    from tensorflow.core.protobuf.trackable_object_graph_pb2 import (
        TrackableObjectGraph,
    )

    reader = tf.train.load_checkpoint(str(prefix))
    if not reader.has_tensor(_OBJECTS):
        return None
    objects = TrackableObjectGraph.FromString(reader.get_tensor(_OBJECTS))
    return sorted(child.local_name for child in objects.nodes[0].children)


def _unrestored(prefix: Path, factory: str, text: str) -> ModelLoadError:
    names = sorted(one or other for one, other in _VARIABLE.findall(text))
    shown = ", ".join(names[:_SHOWN]) or "of what is not told"
    return ModelLoadError(
        f"{prefix} leaves variables of {factory!r}'s model without a value: {shown}",
        hint="the factory must make the model that was saved, not compiled",
    )
