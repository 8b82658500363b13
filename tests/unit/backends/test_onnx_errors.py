"""Every exception class that onnxruntime exposes is one of ours at the edge."""

import numpy as np
import onnxruntime
import pytest
from onnxruntime.capi import onnxruntime_pybind11_state as native

from harness.backends.onnxruntime_ import open_session
from harness.core.errors import InferenceError, ModelLoadError

EXPOSED = [
    kind
    for _, kind in sorted(vars(native).items())
    if isinstance(kind, type) and issubclass(kind, Exception)
]
# What pybind11 makes of std::exception, invalid_argument, bad_alloc, out_of_range.
BUILTIN = [RuntimeError, ValueError, MemoryError, IndexError, TypeError]

every_class = pytest.mark.parametrize(
    "kind", EXPOSED + BUILTIN, ids=lambda kind: kind.__name__
)


def test_the_runtime_exposes_classes():
    names = {kind.__name__ for kind in EXPOSED}
    assert {"Fail", "InvalidArgument", "InvalidGraph", "NotImplemented"} <= names


@every_class
def test_while_loading(kind, linear_file, monkeypatch):
    def refuse(*_, **__):
        raise kind("[ONNXRuntimeError] : 1 : FAIL : it  is\nbroken")

    monkeypatch.setattr(onnxruntime, "InferenceSession", refuse)
    with pytest.raises(ModelLoadError) as caught:
        open_session(linear_file(), {})
    assert isinstance(caught.value.__cause__, kind)
    assert "ONNXRuntimeError" not in str(caught.value)
    assert "linear.onnx" in caught.value.message


@every_class
def test_while_running(kind, linear_file, monkeypatch):
    def fail(*_, **__):
        raise kind("[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : it  is\nbroken")

    monkeypatch.setattr(onnxruntime.InferenceSession, "run", fail)
    session = open_session(linear_file(), {})
    with pytest.raises(InferenceError, match="it is broken") as caught:
        session.run({"x": np.ones((1, 4), np.float32)}, slice(0, 1))
    assert isinstance(caught.value.__cause__, kind)
    assert "linear.onnx" in caught.value.message


def test_empty_message_becomes_the_name_of_the_class(linear_file, monkeypatch):
    def fail(*_, **__):
        raise native.EPFail

    monkeypatch.setattr(onnxruntime.InferenceSession, "run", fail)
    session = open_session(linear_file(), {})
    with pytest.raises(InferenceError, match="EPFail"):
        session.run({"x": np.ones((1, 4), np.float32)}, slice(0, 1))
