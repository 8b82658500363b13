"""Hostile files, form by form: each is refused when it is loaded, by one clear error.

`docs/inspect.md`, "What is refused when loading", lists what is held here; what needs
models of real exporters is held in tests/contract.
"""

import json
import os
import zipfile

import flatbuffers
import numpy as np
import pytest
from onnx import TensorProto, helper

from harness.backends.admission import MAX_FILE
from harness.backends.detect import backend_for, detect
from harness.backends.onnx_files import check_onnx
from harness.backends.table import BACKENDS
from harness.core.errors import (
    GoldenError,
    HarnessError,
    ModelLoadError,
    UnsafeModelError,
    UnsupportedFormatError,
)
from harness.core.specs import VariantSpec
from harness.pipeline.opening import Opening

DEEP = "[" * 100_000


def put(folder, name, data):
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def zipped(folder, name, **entries):
    path = folder / name
    with zipfile.ZipFile(path, "w") as archive:
        for entry, text in entries.items():
            archive.writestr(entry.replace("__", "/").replace("_DOT_", "."), text)
    return path


def sparse(folder, name, size):
    with (folder / name).open("wb") as stream:
        stream.truncate(size)
    return folder / name


# ONNX: graphs inside of graphs, and functions.


def onnx_model(nodes, functions=(), domains=("mine",)):
    value = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["n"]) for n in "xy"]
    graph = helper.make_graph(nodes, "g", [value[0]], [value[1]])
    opsets = [helper.make_opsetid(d, 1 if d else 18) for d in ("", *domains)]
    return helper.make_model(
        graph, functions=functions, opset_imports=opsets, ir_version=9
    )


def nested_ifs(depth):
    one = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    inner = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "b", [], [one])
    for _ in range(depth):
        node = helper.make_node("If", ["c"], ["y"], then_branch=inner)
        inner = helper.make_graph([node], "b", [], [one])
    return onnx_model(inner.node)


def calling(name, *called):
    nodes = [helper.make_node(c, ["a"], [f"b{i}"], domain=d) for i, (d, c) in called]
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("mine", 1)]
    return helper.make_function("mine", name, ["a"], ["b0"], nodes, opsets)


def functions(*bodies):
    """Name -> what it calls, the first being called by the graph."""
    made = []
    for name, called in bodies:
        own = [("mine" if c.startswith("f") else "", c) for c in called]
        made.append(calling(name, *enumerate(own)))
    start = helper.make_node(bodies[0][0], ["x"], ["y"], domain="mine")
    return onnx_model([start], made)


DOUBLING = [(f"f{i}", [f"f{i + 1}"] * 2) for i in range(60)] + [("f60", ["Relu"])]
CHAIN = [(f"f{i}", [f"f{i + 1}"]) for i in range(2_000)] + [("f2000", ["Relu"])]


def elsewhere(location):
    tensor = TensorProto(name="w", dims=[2], data_type=TensorProto.FLOAT)
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    node = helper.make_node("Constant", [], ["y"], value=tensor)
    body = helper.make_function(
        "mine", "f", [], ["y"], [node], [helper.make_opsetid("", 18)]
    )
    return onnx_model([helper.make_node("f", [], ["y"], domain="mine")], [body])


ONNX = {
    "graphs in graphs": (lambda: nested_ifs(30), "nested more than 16 deep"),
    "functions that double": (lambda: functions(*DOUBLING), r"unfold to 10\^18 nodes"),
    "a function that calls itself": (
        lambda: functions(("f", ["f"])),
        "function f calls itself",
    ),
    "two that call each other": (
        lambda: functions(("f", ["fg"]), ("fg", ["f"])),
        "calls itself",
    ),
    "a long chain of calls": (lambda: functions(*CHAIN), "calls too deep"),
    "data above the folder": (lambda: elsewhere("../w.bin"), "outside the model's"),
    "data at an absolute path": (lambda: elsewhere("/etc/passwd"), "outside the model"),
    "data above, by another system": (lambda: elsewhere("..\\w"), "outside the model"),
}


@pytest.mark.parametrize("backend", ["onnxruntime", "onnx-reference", "openvino"])
@pytest.mark.parametrize(("make", "says"), ONNX.values(), ids=ONNX)
def test_onnx(tmp_path, backend, make, says):
    path = put(tmp_path, "m.onnx", make().SerializeToString())
    with pytest.raises(UnsafeModelError, match=says) as caught:
        BACKENDS.get(backend)(path, {})
    assert "m.onnx" in caught.value.message
    assert caught.value.hint


def test_onnx_within_bounds_runs(tmp_path):
    few = [(f"f{i}", [f"f{i + 1}"] * 2) for i in range(3)] + [("f3", ["Relu"])]
    path = put(tmp_path, "m.onnx", functions(*few).SerializeToString())
    answer = BACKENDS.get("onnxruntime")(path, {}).run(
        {"x": np.array([-1, 2], np.float32)}, slice(0, 2)
    )
    assert answer["y"].tolist() == [0, 2]
    check_onnx(nested_ifs(16).SerializeToString(), None)


def test_onnx_operators_of_a_library_that_is_not_there(tmp_path):
    model = onnx_model([helper.make_node("Shell", ["x"], ["y"], domain="mine")])
    path = put(tmp_path, "m.onnx", model.SerializeToString())
    with pytest.raises(ModelLoadError, match=r"knows no operator .*Shell"):
        BACKENDS.get("onnxruntime")(path, {})


def test_onnx_data_at_an_address_in_memory(tmp_path):
    """The runtime's own mark of such data is a place in the folder to us."""
    model = elsewhere("*/_ORT_MEM_ADDR_/*")
    path = put(tmp_path, "m.onnx", model.SerializeToString())
    with pytest.raises(ModelLoadError, match="does not exist"):
        BACKENDS.get("onnxruntime")(path, {})


@pytest.mark.parametrize("name", ["m.onnx", "m.pb"])
def test_messages_longer_than_protobufs_own_lengths(tmp_path, name):
    path = sparse(tmp_path, name, 3 << 30)
    backend = {"m.onnx": "onnxruntime", "m.pb": "tensorflow"}[name]
    with pytest.raises(UnsafeModelError, match=r"3,221,225,472 bytes; 2,147,483,647"):
        BACKENDS.get(backend)(path, {})


# FlatBuffers: tables that lead back to themselves.


def test_ort_graph_inside_of_itself(tmp_path):
    builder = flatbuffers.Builder(256)

    def table(slots, fields):
        builder.StartObject(slots)
        for slot, offset in fields.items():
            builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
        return builder.EndObject()

    def vector(*offsets):
        builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            builder.PrependUOffsetTRelative(offset)
        return builder.EndVector()

    graph = table(8, {})
    for _ in range(40):
        attribute = table(13, {7: graph})
        attributes = vector(attribute)
        node = table(11, {10: attributes})
        nodes = vector(node)
        graph = table(8, {2: nodes})
    model = table(11, {7: graph})
    builder.Finish(table(3, {1: model}), file_identifier=b"ORTM")
    path = put(tmp_path, "m.ort", bytes(builder.Output()))
    assert detect(path) == "onnxruntime"
    with pytest.raises(UnsafeModelError, match="nested more than 16 deep"):
        BACKENDS.get("onnxruntime")(path, {})


def litert_file(folder, change):
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated")
    model = schema.ModelT()
    model.version = 3
    model.buffers = [schema.BufferT()]
    model.subgraphs = [schema.SubGraphT()]
    model.subgraphs[0].operators = []
    model.operatorCodes = []
    change(schema, model)
    builder = flatbuffers.Builder(256)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return put(folder, "m.tflite", bytes(builder.Output()))


def loops(schema, model):
    code = schema.OperatorCodeT()
    code.builtinCode = schema.BuiltinOperator.WHILE
    code.deprecatedBuiltinCode = schema.BuiltinOperator.WHILE
    node = schema.OperatorT()
    node.opcodeIndex = 0
    node.builtinOptionsType = schema.BuiltinOptions.WhileOptions
    node.builtinOptions = schema.WhileOptionsT()
    node.builtinOptions.bodySubgraphIndex = 0
    model.operatorCodes.append(code)
    model.subgraphs[0].operators.append(node)


def weights_elsewhere(schema, model):
    group = schema.ExternalBufferGroupT()
    group.name = "../weights.bin"
    model.externalBufferGroups = [group]


@pytest.mark.parametrize("backend", ["litert", "openvino"])
@pytest.mark.parametrize(
    ("change", "says"),
    [(loops, "graphs run themselves"), (weights_elsewhere, r"\.\./weights\.bin")],
)
def test_litert(tmp_path, backend, change, says):
    path = litert_file(tmp_path, change)
    with pytest.raises(UnsafeModelError, match=says):
        BACKENDS.get(backend)(path, {})


# Texts: JSON, XML, prototxt, code. What reads them calls itself at each bracket.


def safetensors_of(header):
    return len(header).to_bytes(8, "little") + header.encode()


TEXTS = {
    "keras, JSON": ("keras", lambda f: put(f, "m.json", '{"class_name":' + DEEP)),
    "keras, archive": (
        "keras",
        lambda f: zipped(f, "m.keras", config_DOT_json='{"class_name":' + DEEP),
    ),
    "safetensors": ("torch", lambda f: put(f, "m.safetensors", safetensors_of(HEADER))),
    "exported program": (
        "torch",
        lambda f: zipped(f, "m.pt2", m__models__model_DOT_json=DEEP),
    ),
    "TorchScript": (
        "torch",
        lambda f: zipped(
            f,
            "m.pt",
            m__constants_DOT_pkl="",
            m__code__a_DOT_py="def forward(x):\n  return " + "(" * 10_000,
        ),
    ),
    "skops": ("sklearn", lambda f: zipped(f, "m.skops", schema_DOT_json=DEEP)),
    "GraphDef": (
        "tensorflow",
        lambda f: put(f, "m.pbtxt", "node { attr { value { func {" * 9_000),
    ),
    "OpenVINO": (
        "openvino",
        lambda f: put(f, "m.xml", '<net name="n" version="11"><layers>' + "<a>" * 999),
    ),
}
HEADER = '{"a":' + DEEP


@pytest.mark.parametrize(("backend", "make"), TEXTS.values(), ids=TEXTS)
def test_texts_that_are_nested_too_deep(tmp_path, backend, make):
    path = make(tmp_path)
    with pytest.raises(UnsafeModelError, match=r"nested (more than \d+|too) deep") as e:
        BACKENDS.get(backend)(path, {})
    assert path.name in e.value.message


CAFFE = 'input: "x"\nlayer {{ name: "p" type: "{}" bottom: "x" top: "y" {} }}\n'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (CAFFE.format("ReLU", "a {" * 9_999), "nested more than 64 deep"),
        (CAFFE.format("Python", 'python_param { module: "os" }'), "is a Python layer"),
    ],
)
def test_caffe(tmp_path, text, says):
    put(tmp_path, "m.caffemodel", b"\x0a\x01n\xa2\x06\x03\x0a\x01c")
    with pytest.raises(UnsafeModelError, match=says):
        BACKENDS.get("opencv")(put(tmp_path, "m.prototxt", text), {})


@pytest.mark.parametrize(
    "entity",
    ['[<!ENTITY a "b">]', 'SYSTEM "file:///etc/passwd"', "[" + "<!ENTITY a 'b'>" * 9],
)
def test_openvino_entities(tmp_path, entity):
    text = f'<?xml version="1.0"?><!DOCTYPE net {entity}><net name="n" version="11"/>'
    with pytest.raises(UnsafeModelError, match="document type"):
        BACKENDS.get("openvino")(put(tmp_path, "m.xml", text), {})


# TensorFlow: operators that reach files, machines and Python.


def graph_of(*nodes, library=()):
    """(name, operator, inputs, texts by attribute) -> a GraphDef."""
    from tensorflow.core.framework.graph_pb2 import GraphDef

    graph = GraphDef()
    for where, each in ((graph.node, nodes), *library_of(graph, library)):
        for name, kind, inputs, *texts in each:
            node = where.add(name=name, op=kind, input=inputs)
            for key, text in (texts[0] if texts else {}).items():
                node.attr[key].s = text.encode()
    return graph


def library_of(graph, bodies):
    for name, nodes in bodies:
        function = graph.library.function.add()
        function.signature.name = name
        yield function.node_def, nodes


X, Y = ("x", "Placeholder", []), ("y", "Identity", ["x", "^bad"])
TENSORFLOW = {
    **{
        kind: ([X, ("bad", kind, []), Y], f"{kind}: it opens any file", kind)
        for kind in (
            "ReadFile",
            "TFRecordDataset",
            "TextLineReaderV2",
            "ImmutableConst",
        )
    },
    **{
        kind: ([X, ("bad", kind, []), Y], f"is a {kind}: it opens any file", kind)
        for kind in ("SaveV2", "RestoreV2", "MergeV2Checkpoints")
    },
    "a stream that is a file": (
        [X, ("bad", "PrintV2", [], {"output_stream": "file:///tmp/x"}), Y],
        "PrintV2: it opens any file",
        "PrintV2",
    ),
    "a table of a file that is no asset": (
        [
            *(X, ("n", "Const", []), ("i", "Identity", ["n"])),
            *(("bad", "InitializeTableFromTextFileV2", ["t", "i"]), Y),
        ],
        "TextFileV2: it opens any file",
        "InitializeTableFromTextFileV2",
    ),
    "another machine": (
        [X, ("bad", "RemoteCall", []), Y],
        "RemoteCall: it calls another machine",
        "RemoteCall",
    ),
    "Python": ([X, ("bad", "EagerPyFunc", []), Y], "calls a Python function", ""),
}


@pytest.mark.parametrize(
    ("nodes", "says", "named"), TENSORFLOW.values(), ids=TENSORFLOW
)
def test_tensorflow(tmp_path, nodes, says, named):
    path = put(tmp_path, "m.pb", graph_of(*nodes).SerializeToString())
    options = {"outputs": ["y"], "inputs": ["x"]}
    with pytest.raises(UnsafeModelError, match=says) as caught:
        BACKENDS.get("tensorflow")(path, options)
    assert (f'allow_ops = ["{named}"]' in caught.value.hint) == bool(named)


@pytest.mark.parametrize(
    ("library", "says"),
    [
        (
            [
                (f"f{i}", [("a", f"f{i + 1}", []), ("b", f"f{i + 1}", [])])
                for i in range(50)
            ],
            "unfold to",
        ),
        ([("f0", [("a", "f0", [])])], "calls itself"),
    ],
)
def test_tensorflow_functions_that_unfold_without_end(tmp_path, library, says):
    last = (f"f{len(library)}", [("a", "NoOp", [])])
    graph = graph_of(X, ("y", "f0", ["x"]), library=[*library, last])
    with pytest.raises(UnsafeModelError, match=says):
        BACKENDS.get("tensorflow")(put(tmp_path, "m.pb", graph.SerializeToString()), {})


# Keras: code of others, and parts of Keras that are no parts of models.


def keras_config(**entry):
    layer = {"class_name": "Dense", "module": "keras.layers", "config": {"name": "d"}}
    layers = [layer | entry]
    return json.dumps({"class_name": "Sequential", "config": {"layers": layers}})


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        (
            {"module": "os", "class_name": "system"},
            "is a system of os: code of another",
        ),
        ({"module": "keras_hub.models", "class_name": "G"}, "code of another package"),
        (
            {"module": "keras.utils", "class_name": "get_file"},
            r"keras\.utils\.get_file",
        ),
        (
            {"module": "keras", "class_name": "utils.get_file"},
            r"keras\.utils\.get_file",
        ),
        (
            {"module": "keras.src.utils.file_utils", "class_name": "get_file"},
            "get_file",
        ),
        ({"module": "keras.saving", "class_name": "load_model"}, "models are not made"),
        ({"module": "keras.models", "class_name": "load_model"}, "models are not made"),
        (
            {"module": "keras.utils", "class_name": "function", "config": "get_file"},
            r"keras\.utils\.get_file",
        ),
        ({"class_name": "Lambda"}, "'d' is a Lambda"),
        ({"class_name": "TFSMLayer"}, "loads a program"),
    ],
)
@pytest.mark.parametrize("form", ["m.json", "m.keras"])
def test_keras(tmp_path, entry, says, form):
    text = keras_config(**entry)
    path = tmp_path / form
    if form == "m.keras":
        zipped(tmp_path, form, config_DOT_json=text)
    else:
        put(tmp_path, form, text)
    with pytest.raises(UnsafeModelError, match=says):
        BACKENDS.get("keras")(path, {})


def test_keras_classes_of_a_module_that_the_suite_names(tmp_path, monkeypatch):
    import keras

    code = (
        "import keras\n"
        '@keras.saving.register_keras_serializable("mine")\n'
        "class Twice(keras.layers.Layer):\n"
        "    def call(self, x):\n"
        "        return 2 * x\n"
    )
    put(tmp_path, "my_layers.py", code)
    monkeypatch.syspath_prepend(tmp_path)
    from my_layers import Twice

    keras.Sequential([keras.Input((2,)), Twice()]).save(tmp_path / "m.keras")
    with pytest.raises(UnsafeModelError, match="code of another package") as caught:
        BACKENDS.get("keras")(tmp_path / "m.keras", {})
    assert 'custom_modules = ["my_layers"]' in caught.value.hint
    session = BACKENDS.get("keras")(
        tmp_path / "m.keras", {"custom_modules": ["my_layers"]}
    )
    (name,) = (spec.name for spec in session.inputs)
    answer = session.run({name: np.ones((3, 2), np.float32)}, slice(0, 3))
    assert all((array == 2).all() for array in answer.values())
    with pytest.raises(HarnessError, match="'nowhere' cannot be imported"):
        BACKENDS.get("keras")(tmp_path / "m.keras", {"custom_modules": ["nowhere"]})


# Recordings.


def test_recorded_objects_are_not_unpickled(tmp_path):
    np.savez(tmp_path / "m.npz", y=np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(GoldenError):
        BACKENDS.get("replay")(tmp_path / "m.npz", {}).run({}, slice(0, 1))


# Whatever the form: what is no model, and what is out of all bounds.

FILES = {
    "keras": "m.keras",
    "litert": "m.tflite",
    "onnx-reference": "m.onnx",
    "onnxruntime": "m.onnx",
    "opencv": "m.cfg",
    "openvino": "m.xml",
    "sklearn": "m.skops",
    "tensorflow": "m.pb",
    "torch": "m.pt",
}
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"


def many_entries(folder, name):
    """An archive whose list of entries says that it has 17 million bytes."""
    end = b"PK\x05\x06" + bytes(4) + b"\xff\xff\xff\xff"[:4]
    end += (17 << 20).to_bytes(4, "little") + bytes(6)
    path = put(folder, name, b"PK\x03\x04" + bytes(18 << 20))
    with path.open("ab") as stream:
        stream.write(end)
    return path


def pipe(folder, name):
    os.mkfifo(folder / name)
    return folder / name


REFUSED = {
    "pointer": (lambda f, n: put(f, n, POINTER), "Git LFS pointer", "git lfs pull"),
    "empty": (lambda f, n: put(f, n, b""), "is empty", "again"),
    "pipe": (pipe, "neither a file nor a folder", "name a model"),
    "huge": (lambda f, n: sparse(f, n, MAX_FILE + 1), "68,719,476,737 bytes", "model"),
    "entries": (many_entries, "list of entries takes", "no exporter"),
}


@pytest.mark.parametrize("backend", FILES)
@pytest.mark.parametrize(("make", "says", "hint"), REFUSED.values(), ids=REFUSED)
def test_no_model_and_no_bounds(tmp_path, backend, make, says, hint):
    path = make(tmp_path, FILES[backend])
    for load in (
        lambda: BACKENDS.get(backend)(path, {}),
        lambda: backend_for(path, backend),
        lambda: Opening(VariantSpec("v", "original", path, backend=backend)).session(),
    ):
        kinds = (UnsupportedFormatError, UnsafeModelError)
        with pytest.raises(kinds, match=says) as caught:
            load()
        assert hint in caught.value.hint


TFLITE = b"\x1c\0\0\0TFL3" + bytes(40)


class TestNamedBackends:
    @pytest.mark.parametrize(
        ("backend", "name", "data", "says"),
        [
            ("onnxruntime", "m.onnx", TFLITE, ("a LiteRT model", "'onnxruntime'")),
            ("litert", "m.tflite", "<net name='n'>", ("OpenVINO", "'litert'")),
            ("keras", "m.keras", b"GGUF\x03\0\0\0", ("a GGUF model", "'keras'")),
            ("openvino", "m.xml", b"\x89HDF\r\n\x1a\n" + bytes(40), ("HDF5", "vino")),
        ],
    )
    def test_plainly_another_form_is_told_with_the_backend(
        self, tmp_path, backend, name, data, says
    ):
        with pytest.raises(UnsupportedFormatError) as caught:
            backend_for(put(tmp_path, name, data), backend)
        assert all(word in caught.value.message for word in says)
        assert caught.value.hint

    @pytest.mark.parametrize(
        ("backend", "name", "data"),
        [
            # The suffix says nothing where the backend is named.
            ("litert", "m.onnx", TFLITE),
            ("openvino", "m.bin", TFLITE),
            # What the bytes are is not known: the backend may know.
            ("onnxruntime", "m.onnx", b"\xff" * 64),
            # Of a backend that others bring, only they know what it runs.
            ("theirs", "m.onnx", TFLITE),
        ],
    )
    def test_the_users_choice_stands(self, tmp_path, backend, name, data):
        assert backend_for(put(tmp_path, name, data), backend) == backend

    def test_without_a_name_the_bytes_tell(self, tmp_path):
        assert backend_for(put(tmp_path, "m.tflite", TFLITE), None) == "litert"

    def test_a_folder_is_no_file(self, tmp_path):
        with pytest.raises(ModelLoadError, match="is a folder, where a file"):
            BACKENDS.get("litert")(tmp_path, {})
