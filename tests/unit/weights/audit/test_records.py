"""The audit of records that no file holds, and of files that are damaged."""

import random
from pathlib import Path

import numpy as np
import pytest

from harness.core.errors import ModelLoadError, UnsafeModelError
from harness.weights.audit import audit_quantization, read_quantization
from harness.weights.audit.values import (
    QuantizedModel,
    QuantizedOperator,
    QuantizedValue,
)

MODELS = Path(__file__).parents[4] / "golden" / "digits" / "models"


def activation(key, scale, zero=0, dtype="int8", made_by="CONV_2D"):
    bits = int(dtype.removeprefix("int"))
    return QuantizedValue(
        key=key,
        name=key,
        node=key,
        dtype=dtype,
        scale=np.array([scale]),
        zero_point=np.array([float(zero)]),
        low=-(1 << (bits - 1)),
        high=(1 << (bits - 1)) - 1,
        made_by=made_by,
    )


def codes(*values, operators=(), form="litert"):
    model = QuantizedModel(form, {v.key: v for v in values}, tuple(operators))
    return [finding.code for finding in audit_quantization(model).findings]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (activation("a", 9e-9, dtype="int16"), []),
        (activation("a", 9e-9), ["QNT202"]),
        (activation("a", 1.0), ["QNT201"]),
        (activation("a", 1.0, made_by=None), []),
        (activation("a", 1.0, zero=-128), []),
        (activation("a", 0.1, zero=3, dtype="int16"), ["QNT403"]),
        (activation("a", 0.1, zero=200), ["QNT102"]),
    ],
)
def test_one_activation(value, expected):
    assert codes(value) == expected


@pytest.mark.parametrize("other", [(0.1, 1), (0.2, 0)])
def test_operators_that_hand_on_codes(other):
    pool = QuantizedOperator("pool", "MAX_POOL_2D", ("a",), ("b",), on_codes=True)
    values = activation("a", 0.1), activation("b", 0.1)
    assert codes(*values, operators=[pool]) == []
    values = activation("a", 0.1), activation("b", *other)
    assert codes(*values, operators=[pool]) == ["QNT601"]
    add = QuantizedOperator("add", "ADD", ("a",), ("b",), on_codes=True)
    assert codes(*values, operators=[add]) == []


@pytest.mark.parametrize(
    ("name", "form"),
    [("digits-int8.tflite", "litert"), ("digits-int8-static.onnx", "onnx")],
)
def test_damaged_files_are_one_clear_error_or_findings(tmp_path, name, form):
    data = (MODELS / name).read_bytes()
    chance = random.Random(name)
    said = []
    for turn in range(80):
        damaged = bytearray(data[: chance.randrange(len(data))] if turn % 4 else data)
        for _ in range(chance.choice([1, 3, 20])):
            if damaged:
                damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        path = tmp_path / name
        path.write_bytes(damaged)
        try:
            audit_quantization(read_quantization(path, form))
        except (ModelLoadError, UnsafeModelError) as error:
            said.append(str(error))
    assert len(said) > 20
    assert all(name in text for text in said)
