"""What cannot or must not run is told clearly, before anything of it runs."""

import shutil

import numpy as np
import pytest

from harness.backends.tensorflow_ import open_session
from harness.core.errors import ModelLoadError, SuiteError, UnsafeModelError

pytest.importorskip("tensorflow", reason="needs the tensorflow extra")


def refused(kind, path, options=None, *, match, hint=""):
    with pytest.raises(kind, match=match) as caught:
        open_session(path, options or {})
    assert hint in caught.value.hint
    assert caught.value.hint


@pytest.fixture
def copy(old, checkpoint, tmp_path):
    """Copies a model of TensorFlow 1 in order to break it."""

    def copied(name):
        source = old / name
        shutil.copytree(source, tmp_path / name)
        return tmp_path / name

    return copied


def test_tags_that_no_graph_has(old):
    refused(
        SuiteError,
        old / "savedmodel",
        {"tags": ["train"]},
        match=r"no graph of the tags \['train'\]",
        hint="['serve']",
    )


def test_signature_that_is_not_there(old):
    refused(
        SuiteError,
        old / "savedmodel",
        {"signature": "predict"},
        match="no signature 'predict'",
        hint="serving_default",
    )


@pytest.mark.parametrize("form", ["frozen.pb", "savedmodel", "bare"])
def test_unknown_tensor_lists_those_of_like_names(old, form):
    refused(
        SuiteError,
        old / form,
        {"inputs": ["image"], "outputs": ["probabilitys"]},
        match="no tensor 'probabilitys'",
        hint="probabilities",
    )
    refused(
        SuiteError,
        old / form,
        {"inputs": ["image"], "outputs": ["conv1"]},
        match="no tensor 'conv1'",
        hint="conv1/kernel",
    )


def test_tensor_past_a_nodes_outputs(old):
    options = {"inputs": ["image"], "outputs": ["probabilities:7"]}
    refused(SuiteError, old / "frozen.pb", options, match="no tensor 'probabilities:7'")


@pytest.mark.parametrize("form", ["savedmodel", "bare"])
def test_inputs_without_outputs(old, form):
    options = {"inputs": ["image"]}
    refused(SuiteError, old / form, options, match="one is missing")


@pytest.mark.parametrize(
    ("form", "option"),
    [("frozen.pb", "tags"), ("savedmodel", "factory"), ("bare", "tags")],
)
def test_option_of_another_form(old, form, option):
    refused(SuiteError, old / form, {option: "x"}, match=f"no option '{option}'")


@pytest.mark.parametrize("name", ["variables.index", "variables.data-00000-of-00001"])
def test_savedmodel_without_its_variables(copy, name):
    path = copy("savedmodel")
    (path / "variables" / name).unlink()
    refused(ModelLoadError, path, match="savedmodel: tensorflow refuses")


def test_folder_without_a_saved_model(tmp_path):
    refused(ModelLoadError, tmp_path, match="neither saved_model.pb")


@pytest.mark.parametrize("name", ["frozen.pb", "frozen.pbtxt"])
def test_graph_cut_short(old, tmp_path, name):
    data = (old / name).read_bytes()
    (tmp_path / name).write_bytes(data[: len(data) // 2])
    refused(ModelLoadError, tmp_path / name, match="no whole GraphDef")


def test_graph_that_is_not_frozen(tf, old, tmp_path):
    from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef

    meta = MetaGraphDef.FromString((old / "bare" / "digits.meta").read_bytes())
    tf.io.write_graph(meta.graph_def, str(tmp_path), "graph.pb", as_text=False)
    refused(
        ModelLoadError,
        tmp_path / "graph.pb",
        {"inputs": ["image"], "outputs": ["probabilities"]},
        match="'conv1/kernel' is a variable",
        hint="freeze",
    )


def test_checkpoint_without_a_graph(checkpoint):
    refused(ModelLoadError, checkpoint, match=r"without digits-1\.meta", hint="factory")


def test_checkpoint_whose_metagraph_tells_no_interface(old):
    refused(SuiteError, old / "bare", match="neither signatures", hint="image")


@pytest.mark.parametrize(
    ("ending", "says"),
    [
        (".index", r"has no digits\.index"),
        (".data-00000-of-00001", "lacks its data file digits.data"),
    ],
)
def test_checkpoint_without_one_of_its_files(copy, ending, says):
    path = copy("checkpoint")
    (path / f"digits{ending}").unlink()
    refused(ModelLoadError, path, match=says)


@pytest.mark.parametrize(
    ("ending", "says"),
    [
        (".index", "no checkpoint index, or cut short"),
        (".data-00000-of-00001", "refuses the model"),
        (".meta", "no whole MetaGraph"),
    ],
)
def test_checkpoint_cut_short(copy, ending, says):
    file = copy("checkpoint") / f"digits{ending}"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    refused(ModelLoadError, file.parent, match=says)


def test_checkpoint_of_some_variables(old):
    options = {"inputs": ["image"], "outputs": ["probabilities"]}
    refused(
        ModelLoadError,
        old / "partial",
        options,
        match="6 variables of the graph without a value: conv1/bias, conv1/kernel",
    )
    # What they do not reach need not be there.
    options["outputs"] = ["bn1/gamma"]
    open_session(old / "partial", options).close()


def test_note_of_the_latest_checkpoint_counts_by_name(copy):
    """It may hold an absolute path of the machine that wrote it."""
    path = copy("checkpoint")
    (path / "checkpoint").write_text('model_checkpoint_path: "/elsewhere/digits"\n')
    open_session(path, {}).close()
    (path / "checkpoint").write_text("")
    refused(ModelLoadError, path, match="names no checkpoint")


@pytest.mark.parametrize(
    ("function", "kind", "says"),
    [
        ("another", ModelLoadError, "without a value: .*dense"),
        ("compiled", ModelLoadError, "without a value: adam/iteration"),
        ("fails", ModelLoadError, "fails on no argument: RuntimeError: no"),
        ("text", SuiteError, "makes a str, which tells no inputs"),
        ("nothing", SuiteError, "has no function 'nothing'"),
        ("constant", SuiteError, "has no function 'constant'"),
    ],
)
def test_factories_that_make_no_such_model(checkpoint, factories, function, kind, says):
    refused(kind, checkpoint, {"factory": f"{factories}:{function}"}, match=says)


@pytest.mark.parametrize("name", ["no.such.module:make", "digits_factories", ":make"])
def test_factories_that_do_not_exist(checkpoint, factories, name):
    refused(SuiteError, checkpoint, {"factory": name}, match=f"factory '{name}'")


def test_name_that_the_checkpoint_has_not(checkpoint, factories):
    options = {"factory": f"{factories}:digits", "attribute": "net"}
    refused(SuiteError, checkpoint, options, match="under the name 'net'", hint="model")


def test_python_functions(tf, saved, tmp_path, x):
    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32, name="x")])
    def serve(x):
        return {"y": tf.numpy_function(np.sort, [x], tf.float32)}

    path = saved("python", serve)
    refused(UnsafeModelError, path, match="PyFunc: it calls a Python function")
    graph = serve.get_concrete_function().graph.as_graph_def()
    tf.io.write_graph(graph, str(tmp_path), "python.pb", as_text=False)
    refused(UnsafeModelError, tmp_path / "python.pb", match="PyFunc")


def test_operators_on_files_run_where_the_suite_names_them(tf, saved, tmp_path):
    @tf.function(input_signature=[tf.TensorSpec([], tf.string, name="path")])
    def serve(path):
        return {"content": tf.io.read_file(path)}

    model = saved("reader", serve)
    refused(UnsafeModelError, model, match="is a ReadFile", hint='["ReadFile"]')
    session = open_session(model, {"allow_ops": ["ReadFile"]})
    (tmp_path / "note").write_text("hello")
    feeds = {"path": np.array(str(tmp_path / "note"), dtype=object)}
    assert session.run(feeds, slice(0, 1))["content"].item() == "hello"


def test_custom_operators(tf, old, tmp_path):
    graph = tf.compat.v1.GraphDef.FromString((old / "frozen.pb").read_bytes())
    next(node for node in graph.node if node.op == "Relu").op = "MyRelu"
    tf.io.write_graph(graph, str(tmp_path), "custom.pb", as_text=False)
    refused(ModelLoadError, tmp_path / "custom.pb", match="custom operator 'MyRelu'")


@pytest.mark.parametrize("name", ["../../outside.txt", "/etc/hostname", "gone.txt"])
def test_assets_stay_in_the_models_folder(tf, saved, tmp_path, name):
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    (tmp_path / "words.txt").write_text("a\n")
    asset = tf.saved_model.Asset(str(tmp_path / "words.txt"))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def serve(x):
        return {"y": x}

    file = saved(f"asset_{name[:1]}_", serve, asset=asset) / "saved_model.pb"
    message = SavedModel.FromString(file.read_bytes())
    message.meta_graphs[0].asset_file_def[0].filename = name
    file.write_bytes(message.SerializeToString())
    kind = ModelLoadError if name == "gone.txt" else UnsafeModelError
    refused(kind, file.parent, match=name)


def test_text_that_nests_without_end(tmp_path):
    nested = "attr { key: 'a' value { func { " * 5_000
    (tmp_path / "deep.pbtxt").write_text(f"node {{ op: 'Relu' {nested}")
    refused(UnsafeModelError, tmp_path / "deep.pbtxt", match="more than 64 deep")
