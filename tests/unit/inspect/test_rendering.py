import subprocess
import sys

import numpy as np
from onnx import helper

from harness.core.model_facts import DataFile, ModelFacts, Quantization, Signature
from harness.core.protocols import TensorSpec
from harness.inspection import render_facts

FACTS = ModelFacts(
    path="models/a.onnx",
    format="ONNX",
    size_bytes=3 << 20,
    sha256="0" * 64,
    producer="pytorch 2.13",
    ir_version=8,
    opset_imports={"ai.onnx": 18},
    inputs=(TensorSpec("x", "float32", ("N", None, 8)), TensorSpec("m", "bool", None)),
    outputs=(TensorSpec("y", "int64", ()),),
    operators={f"Operator{i}": i for i in range(20, 0, -1)},
    n_parameters=1_234_567,
    bytes_by_dtype={"int8": 1000, "float32": 2048},
    quantization=Quantization("QDQ", "per channel", 5),
    data_files=(DataFile("a.data", 1 << 30), DataFile("b.data", None)),
    safety=("one", "two"),
    portability=(),
)


def test_rendering():
    lines = render_facts(FACTS).splitlines()
    assert lines[:8] == [
        "model         models/a.onnx",
        "form          ONNX",
        "size          3.0 MiB",
        "sha256        " + "0" * 64,
        "written by    pytorch 2.13",
        "opsets        ai.onnx 18 (IR 8)",
        "inputs        x  float32 [N, ?, 8]",
        "              m  bool, any shape",
    ]
    assert lines[-8:] == [
        "parameters    1,234,567",
        "constants     int8 1000 bytes, float32 2.0 KiB",
        "quantization  QDQ, 5 weights, per channel",
        "data files    a.data (1.0 GiB)",
        "              b.data (missing)",
        "safety        one",
        "              two",
        "portability   nothing found",
    ]


def test_lines_fit_a_terminal_and_operators_stay_whole():
    lines = render_facts(FACTS).splitlines()
    assert max(map(len, lines)) <= 80
    assert not [line for line in lines if line.strip().startswith("x")]
    assert any("Operator20 x20," in line for line in lines)


def test_silence_of_an_unread_form_is_not_taken_for_safety():
    text = render_facts(ModelFacts("m.tflite", "TFLite", 9, "0", not_read=("all",)))
    assert "nothing found" not in text
    assert text.endswith("not read      all\n")


def test_a_real_model_renders(facts):
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    text = render_facts(facts([node], {"w": np.ones((8, 3), np.float32)}))
    assert "operators     MatMul x1\n" in text
    assert "quantization  none\n" in text


def test_importing_the_package_needs_no_heavy_library():
    code = (
        "import sys, harness.inspection;"
        "print({'numpy', 'onnx', 'onnxruntime'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"


def test_what_other_forms_tell_is_shown():
    signature = Signature("serve", FACTS.inputs[:1], ())
    facts = ModelFacts(
        "m",
        "SavedModel",
        9,
        "0",
        version="GraphDef 1",
        tags=("gpu", "serve"),
        signatures=(signature,),
        value_hints=("x: 0 to 1",),
        n_parameters=3,
        metadata={"author": "me"},
    )
    assert render_facts(facts).splitlines()[4:] == [
        "version       GraphDef 1",
        "tags          gpu, serve",
        "signatures    serve: x  float32 [N, ?, 8] -> nothing",
        "values        x: 0 to 1",
        "parameters    3",
        "safety        nothing found",
        "noted         author: me",
    ]
