"""Cases of others: models and answers that come with the onnx package."""

import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from onnx.backend.test.loader import load_model_tests

from harness.backends.onnxruntime_ import open_session
from harness.core.errors import ModelLoadError

KINDS = ("simple", "pytorch-converted", "pytorch-operator")
CASES = {case.name: case for kind in KINDS for case in load_model_tests(kind=kind)}
# What this runtime does not do, in our words, each with what would help.
REFUSED = re.compile(
    r"no kernel for (Add|AveragePool|BatchNormalization|Gemm|Mul|PRelu|Pow) as of"
    r" opset [16]$|no operator ai\.onnx\.preview\.training:Gradient"
    r"|asks for the locale en_US\.UTF-8"
)
REFUSALS = 40  # of onnxruntime 1.31, on a machine without that locale


def tensor(path):
    return numpy_helper.to_array(onnx.load_tensor(path))


def open_case(case):
    """The session, or the refusal."""
    try:
        return open_session(Path(case.model_dir) / "model.onnx", {})
    except ModelLoadError as error:
        return error


@pytest.mark.parametrize("name", sorted(CASES))
def test_case_of_the_onnx_package(name):
    """Equal to the stored outputs, to the package's own tolerance; else told why."""
    case = CASES[name]
    session = open_case(case)
    if isinstance(session, ModelLoadError):
        assert REFUSED.search(session.message), session.message
        assert session.hint
        return
    folders = sorted(Path(case.model_dir).glob("test_data_set_*"))
    assert folders
    for folder in folders:
        fed = enumerate(session.inputs)
        feeds = {spec.name: tensor(folder / f"input_{i}.pb") for i, spec in fed}
        answers = session.run(feeds, slice(0, 1))
        for i, (told, spec) in enumerate(
            zip(answers.values(), session.outputs, strict=True)
        ):
            compare(told, tensor(folder / f"output_{i}.pb"), spec, case)


def compare(told, stored, spec, case):
    assert told.shape == stored.shape
    if spec.dtype == "str":
        np.testing.assert_array_equal(told, stored.astype(str))
        return
    assert told.dtype.name == stored.dtype.name == spec.dtype
    np.testing.assert_allclose(told, stored, rtol=case.rtol, atol=case.atol)


def test_most_of_them_run():
    found = [open_case(case) for case in CASES.values()]
    assert len(found) >= 140
    assert sum(isinstance(f, ModelLoadError) for f in found) <= REFUSALS
