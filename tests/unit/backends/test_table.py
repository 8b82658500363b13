import subprocess
import sys

from harness.backends.table import BACKENDS


def test_names_are_sorted_and_stable():
    assert [*BACKENDS] == sorted(BACKENDS)
    assert {"keras", "onnxruntime", "onnx-reference", "replay", "torch"} < {*BACKENDS}


def test_core_backends_load():
    assert callable(BACKENDS.get("onnxruntime"))
    assert callable(BACKENDS.get("replay"))


def test_extras_are_named():
    assert BACKENDS.entry("keras").install_hint().endswith("[tensorflow]'")
    assert BACKENDS.entry("tensorflow").install_hint().endswith("[tensorflow]'")
    assert BACKENDS.entry("litert").install_hint().endswith("[litert]'")
    assert BACKENDS.entry("sklearn").install_hint().endswith("[sklearn]'")
    assert BACKENDS.entry("torch").install_hint().endswith("[torch]'")


def test_table_and_detection_import_no_runtime():
    code = (
        "import sys, harness.backends.table, harness.backends.detect;"
        "heavy = {'numpy', 'onnx', 'onnxruntime', 'tensorflow', 'keras',"
        " 'ai_edge_litert', 'torch', 'sklearn', 'skops'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
