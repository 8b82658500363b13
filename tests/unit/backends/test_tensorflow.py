import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from harness.backends import tensorflow_runtime
from harness.backends.tensorflow_ import open_session
from harness.core.errors import ModelLoadError, SuiteError

pytest.importorskip("tensorflow", reason="needs the tensorflow extra")

MODELS = Path(__file__).parents[3] / "golden" / "digits" / "models"
SAVED, FROZEN = MODELS / "savedmodel", MODELS / "frozen.pb"
IMAGES = np.random.default_rng(0).random((3, 8, 8, 1)).astype(np.float32)
ROWS = slice(0, 3)


def test_signature_names_inputs_and_outputs():
    session = open_session(SAVED, {})
    assert [(s.name, s.shape) for s in session.inputs] == [("image", (None, 8, 8, 1))]
    assert [(s.name, s.shape) for s in session.outputs] == [
        ("probabilities", (None, 10))
    ]
    assert session.runtime["signature"] == "serving_default"
    assert session.runtime["intra_op_num_threads"] == 1


def test_unknown_signature_lists_the_known_ones():
    with pytest.raises(SuiteError, match="no signature 'serve'") as caught:
        open_session(SAVED, {"signature": "serve"})
    assert "serving_default" in caught.value.hint


def test_placeholders_and_sinks_are_inputs_and_outputs():
    session = open_session(FROZEN, {})
    assert [spec.name for spec in session.inputs] == ["image"]
    assert [spec.name for spec in session.outputs] == ["Identity"]


def test_named_tensors_are_answered_under_the_names_they_were_given():
    names = ["digits_1/probabilities_1/BiasAdd", "Identity:0"]
    session = open_session(FROZEN, {"inputs": ["image:0"], "outputs": names})
    answers = session.run({"image:0": IMAGES}, ROWS)
    assert list(answers) == names
    scores = np.exp(answers[names[0]])
    expected = scores / scores.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(answers[names[1]], expected, atol=1e-6)


def test_both_forms_answer_alike():
    saved = open_session(SAVED, {}).run({"image": IMAGES}, ROWS)["probabilities"]
    frozen = open_session(FROZEN, {}).run({"image": IMAGES}, ROWS)["Identity"]
    np.testing.assert_allclose(saved, frozen, atol=1e-6)


def test_unknown_tensor_is_named():
    with pytest.raises(SuiteError, match="no tensor 'nothing'"):
        open_session(FROZEN, {"outputs": ["nothing"]})


def test_graph_without_inputs(tmp_path):
    (tmp_path / "bare.pb").write_bytes(b"\x22\x02\x08\x01")
    with pytest.raises(ModelLoadError, match="cannot tell the graph's inputs"):
        open_session(tmp_path / "bare.pb", {})


def test_nothing_is_printed_while_tensorflow_starts():
    code = (
        "import sys; from pathlib import Path;"
        "from harness.backends.tensorflow_ import open_session;"
        "open_session(Path(sys.argv[1]), {})"
    )
    env = {k: v for k, v in os.environ.items() if not k.startswith("TF_")}
    done = subprocess.run(
        [sys.executable, "-c", code, str(FROZEN)],
        capture_output=True,
        text=True,
        check=True,
        env=env,
    )
    assert done.stdout == ""
    assert done.stderr == ""


def test_who_computes_elsewhere_says_so(monkeypatch):
    tf = tensorflow_runtime.import_tensorflow()
    assert "device" not in tensorflow_runtime.runtime_facts()
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [kind])
    assert tensorflow_runtime.runtime_facts()["device"] == "GPU"
