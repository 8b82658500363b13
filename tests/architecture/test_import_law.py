"""The import law: a stage imports `harness.core` and nothing else of ours.

Only `harness.pipeline` knows the stages. Imports in functions and for type checking
are held to the same law as those at the top of a file: they couple just as well.
"""

import ast
import graphlib
import sys
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "harness"

ALL = {"*"}
CORE = {"core"}
STAGES = {
    *("backends", "cache", "canaries", "comparison", "core", "diagnose", "engines"),
    *("formats", "gate", "golden", "graphs", "inspection", "run", "suite", "weights"),
}

ONNX = {"google.protobuf", "numpy", "onnx"}

# Module of harness -> what it may import of ours, and of others anywhere in it.
LAW = {
    "core": (set(), set()),
    "suite": (CORE, set()),
    "golden": (CORE, ONNX),
    "backends": (CORE | {"formats"}, ONNX),
    "canaries": (CORE, {"numpy", "onnx"}),
    "run": (CORE, {"numpy"}),
    "engines": (CORE, {"dask", "distributed", "psutil", "tornado"}),
    "cache": (CORE, {"numpy"}),
    "comparison": (CORE, {"numpy", "scipy"}),
    "formats": (CORE, {"numpy"}),
    "weights": (CORE | {"formats"}, ONNX | {"scipy"}),
    "graphs": (CORE | {"formats"}, ONNX | {"scipy"}),
    "inspection": (CORE | {"formats"}, ONNX),
    "diagnose": (CORE | {"comparison", "graphs"}, ONNX | {"scipy"}),
    "gate": (CORE, {"numpy", "scipy"}),
    "history": (CORE, {"numpy"}),
    "report": (CORE, set()),
    "pipeline": (STAGES, {"numpy"}),
    "verdicts": (CORE | {"report"}, set()),
    "doctor": (ALL, set()),
    "baselines": (CORE | {"report"}, set()),
    "cli": (ALL, set()),
    "hookspecs": (CORE, {"pytest"}),
    "plugin": (ALL, {"pytest"}),
    "pytest_glue": (ALL, {"pytest"}),
    "fixtures": (ALL, {"pytest"}),
    "testing": (ALL, {"numpy", "pytest"}),
    "__init__": (ALL, set()),
    "__main__": ({"cli"}, set()),
}

# What belongs to one place -> the files that may import it.
PLACES = {
    "ai_edge_litert": ["backends/litert_.py"],
    "PIL": ["golden/images.py"],
    "click": ["cli/*.py"],
    "cv2": ["backends/opencv_.py"],
    "fsspec": ["golden/remote.py"],
    "filelock": ["pytest_glue/recordings.py", "pytest_glue/store.py"],
    "grpc": ["backends/kserve_grpc_.py"],
    "psutil": ["engines/load.py"],
    "h5py": ["backends/keras_files.py", "formats/hdf5_child.py"],
    "jinja2": ["report/document.py"],
    "keras": ["backends/keras_.py", "backends/keras_call.py"],
    "markupsafe": ["report/document.py"],
    "onnxruntime": ["backends/onnxruntime_.py", "backends/onnx_*.py"],
    "numba": ["weights/compiled.py"],
    "openvino": ["backends/openvino_.py"],
    "joblib": ["backends/sklearn_.py"],
    "pandas": [
        *("backends/sklearn_answers.py", "golden/csv_.py", "report/frames.py"),
        "weights/frame.py",
    ],
    "pyarrow": ["golden/parquet_.py", "golden/write_parquet.py"],
    "safetensors": ["backends/torch_state.py"],
    "sklearn": ["backends/sklearn_*.py"],
    "skops": ["backends/sklearn_.py"],
    "tensorflow": ["backends/tensorflow_*.py"],
    "threadpoolctl": ["backends/sklearn_.py"],
    "torch": ["backends/torch_*.py"],
    "urllib3": ["backends/remote_http.py"],
}
# Named by type hints alone, never imported at run time.
TYPES_ONLY = {"core": {"numpy"}, "pytest_glue": {"_pytest"}}

MAX_FUNCTION = 60
MAX_FILE = 400


@dataclass(frozen=True)
class Import:
    """One import statement's target, for type checkers alone or not."""

    target: str
    typing: bool

    @property
    def ours(self):
        return self.target.partition(".")[0] == "harness"

    @property
    def standard(self):
        return self.target.partition(".")[0] in sys.stdlib_module_names

    @property
    def part(self):
        """The direct child of harness that is imported; harness itself is ''."""
        return [*self.target.split("."), ""][1]


def imports_of(source):
    """All imports of a file, wherever they stand; relative ones are refused."""
    tree = ast.parse(source)
    typing = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.unparse(block.test)
        for statement in block.body
        for node in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, id(node) in typing)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "relative imports hide what a file depends on"
            # `from harness import cli` means the module, not the package.
            deeper = node.module == "harness"
            names = (
                [f"harness.{a.name}" for a in node.names] if deeper else [node.module]
            )
            for name in names:
                yield Import(name, id(node) in typing)


def offences(file, source):
    """Imports of one file (its path inside harness/) that break the law."""
    part = file.split("/")[0].removesuffix(".py")
    ours, others = LAW[part]
    for found in imports_of(source):
        if found.standard:
            continue
        if found.ours:
            if found.part != part and ours != ALL and found.part not in ours:
                yield f"{file} imports {found.target}"
        elif not is_allowed(file, part, found, others):
            yield f"{file} imports {found.target}"


def is_allowed(file, part, found, others):
    if is_in(found.target, TYPES_ONLY.get(part, ())):
        return found.typing
    for name, places in PLACES.items():
        if is_in(found.target, [name]):
            return any(fnmatch(file, place) for place in places)
    return is_in(found.target, others)


def is_in(target, names):
    return any(target == name or target.startswith(f"{name}.") for name in names)


def files():
    return sorted(PACKAGE.rglob("*.py"))


def inside(path):
    return path.relative_to(PACKAGE).as_posix()


def module_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.mark.parametrize("path", files(), ids=inside)
def test_a_file_imports_what_the_law_allows(path):
    assert list(offences(inside(path), path.read_text(encoding="utf-8"))) == []


def test_the_law_names_exactly_what_exists():
    parts = {inside(path).split("/")[0].removesuffix(".py") for path in files()}
    assert parts == set(LAW)


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("run/runner.py", "from harness.comparison import Comparison"),
        ("run/runner.py", "def f():\n    import harness.gate"),
        ("core/specs.py", "import numpy"),
        ("pytest_glue/store.py", "def f():\n    import _pytest.config"),
        ("backends/tensorflow_.py", "import keras"),
        ("core/specs.py", "if TYPE_CHECKING:\n    from harness.run import stream"),
        ("report/terminal.py", "import jinja2"),
        ("golden/npz.py", "import pandas"),
        ("backends/replay_.py", "from onnxruntime import InferenceSession"),
        ("comparison/sums.py", "from harness import pipeline"),
    ],
)
def test_the_law_is_not_toothless(file, source):
    assert len(list(offences(file, source))) == 1


def test_no_import_cycles():
    modules = {module_of(path): path for path in files()}
    edges = {
        name: {
            found.target
            for found in imports_of(path.read_text(encoding="utf-8"))
            if not found.typing and found.target in modules
        }
        for name, path in modules.items()
    }
    order = list(graphlib.TopologicalSorter(edges).static_order())
    assert len(order) == len(modules)


@pytest.mark.parametrize("path", files(), ids=inside)
def test_files_and_functions_keep_their_budgets(path):
    source = path.read_text(encoding="utf-8")
    assert len(source.splitlines()) <= MAX_FILE
    tree = ast.parse(source)
    assert ast.get_docstring(tree), "a module says what it is for"
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(tree):
        if isinstance(node, kinds):
            assert node.end_lineno - node.lineno < MAX_FUNCTION, node.name
