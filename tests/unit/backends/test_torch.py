import json
import os
import pickle
import sys
import types
import warnings
import zipfile

import numpy as np
import pytest

from harness.backends.torch_ import open_session
from harness.core.errors import (
    InferenceError,
    ModelLoadError,
    SuiteError,
    UnsafeModelError,
)

torch = pytest.importorskip("torch", reason="needs the torch extra")
import torchscript  # noqa: E402 - only where torch is there
from torch import nn  # noqa: E402 - only where torch is there

X = np.arange(8, dtype=np.float32).reshape(2, 4)


class Linear(nn.Module):
    """y = x W + b, with a dropout that only training sees."""

    def __init__(self, size: int = 3):
        super().__init__()
        self.layer = nn.Linear(4, size)
        self.drop = nn.Dropout(0.5)

    def forward(self, x: torch.Tensor):
        return self.drop(self.layer(x))


def expected(module):
    with torch.no_grad():
        return module.eval()(torch.from_numpy(X.copy())).numpy()


def ask(session, **feeds):
    return session.run(feeds or {"x": X}, slice(0, 2))


@pytest.fixture
def module():
    torch.manual_seed(0)
    return Linear()


@pytest.fixture
def scripted(tmp_path):
    def save(module):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torchscript.script(module).save(tmp_path / "model.pt")
        return tmp_path / "model.pt"

    return save


@pytest.fixture
def exported(tmp_path):
    def save(module, *example, **settings):
        example = example or (torch.zeros(2, 4),)
        program = torch.export.export(module, example, **settings)
        torch.export.save(program, tmp_path / "model.pt2")
        return tmp_path / "model.pt2"

    return save


@pytest.fixture
def state(module, tmp_path):
    def save(**changed):
        values = {**module.state_dict(), **changed}
        torch.save({k: v for k, v in values.items() if v is not None}, path)
        return path

    path = tmp_path / "model.pth"
    return save


@pytest.fixture
def user_code(monkeypatch):
    made = types.ModuleType("architecture")
    made.build = Linear
    made.broken = lambda: 1 / 0
    made.number = lambda: 3
    monkeypatch.setitem(sys.modules, "architecture", made)
    return {"factory": "architecture:build"}


def rewrite(path, changed):
    """The archive with entries replaced or added, by the end of their names."""
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    root = next(iter(entries)).partition("/")[0]
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in entries.items():
            inner = name.partition("/")[2]
            archive.writestr(name, changed.pop(inner, data))
        for inner, data in changed.items():
            archive.writestr(f"{root}/{inner}", data)


class TestModes:
    def test_training_is_switched_off_and_told(self, module, scripted):
        session = open_session(scripted(module.train()), {})
        found = ask(session)["output"]
        assert session.runtime["training_mode"] == (
            "switched off in the model and 2 more"
        )
        np.testing.assert_allclose(found, expected(module), rtol=1e-6)

    def test_a_program_that_trains_is_refused(self, module, exported):
        path = exported(module.train())
        with pytest.raises(ModelLoadError, match=r"training mode.*dropout") as caught:
            open_session(path, {})
        assert "model.eval()" in caught.value.hint

    def test_no_gradients_no_warnings_one_thread(self, module, scripted):
        before = torch.get_num_threads()
        session = open_session(scripted(module), {})
        ask(session)
        assert torch.get_num_threads() == session.runtime["num_threads"] == 1
        open_session(scripted(module), {"num_threads": 2}).run({"x": X}, slice(0, 2))
        assert torch.get_num_threads() == 2
        ask(session)
        assert torch.get_num_threads() == 1
        torch.set_num_threads(before)

    def test_the_golden_array_is_left_alone(self, scripted):
        class InPlace(nn.Module):
            def forward(self, x: torch.Tensor):
                return x.mul_(2)

        fed = X.copy()
        ask(open_session(scripted(InPlace()), {}), x=fed)
        np.testing.assert_array_equal(fed, X)

    def test_read_only_and_reversed_arrays(self, scripted, module):
        session = open_session(scripted(module), {})
        fed = X[::-1]
        fed.flags.writeable = False
        found = ask(session, x=fed)["output"]
        np.testing.assert_array_equal(found, ask(session)["output"][::-1])


class TestSignatures:
    def test_bfloat16_is_told_as_float32(self, exported, module):
        path = exported(module.eval().bfloat16(), torch.zeros(2, 4).bfloat16())
        session = open_session(path, {})
        assert {s.dtype for s in (*session.inputs, *session.outputs)} == {"float32"}
        found = ask(session)["output"]
        np.testing.assert_allclose(found, expected(module.float()), rtol=0.1, atol=0.1)

    def test_a_nested_answer(self, scripted):
        class Nested(nn.Module):
            def forward(self, x: torch.Tensor):
                return x, (x + 1, x + 2)

        found = ask(open_session(scripted(Nested()), {}))
        assert list(found) == ["output_0", "output_1_0", "output_1_1"]

    def test_constants_of_the_export_are_filled_in(self, exported):
        class Scaled(nn.Module):
            def forward(self, pair, factor: float, extra=None):
                assert extra is None
                return {"y": pair["x"] * factor + pair["b"]}

        pair = {"x": torch.zeros(2, 4), "b": torch.zeros(2, 4)}
        session = open_session(exported(Scaled(), pair, 3.0, None), {})
        names = [spec.name for spec in session.inputs]
        assert names == ["pair_x", "pair_b"]
        found = ask(session, pair_x=X, pair_b=X)
        np.testing.assert_array_equal(found["y"], 4 * X)

    def test_defaults_are_inputs_only_where_declared(self, scripted):
        class Optional(nn.Module):
            def forward(self, x: torch.Tensor, shift: torch.Tensor | None = None):
                return x if shift is None else x + shift

        path = scripted(Optional())
        assert [s.name for s in open_session(path, {}).inputs] == ["x"]
        spec = {"dtype": "float32", "shape": ["n", 4]}
        session = open_session(path, {"inputs": {"x": spec, "shift": spec}})
        assert [s.name for s in session.inputs] == ["x", "shift"]
        np.testing.assert_array_equal(ask(session, x=X, shift=X)["output"], 2 * X)

    def test_what_is_no_tensor_is_refused(self, scripted):
        class Listed(nn.Module):
            def forward(self, xs: list[torch.Tensor]):
                return xs[0]

        with pytest.raises(ModelLoadError, match=r"'xs', a List\[Tensor\]"):
            open_session(scripted(Listed()), {})

    def test_an_answer_that_is_no_tensor(self, scripted):
        class Counts(nn.Module):
            def forward(self, x: torch.Tensor):
                return x, x.size(0)

        with pytest.raises(InferenceError, match="output 'output_1' is of type int"):
            ask(open_session(scripted(Counts()), {}))

    @pytest.mark.parametrize(
        ("inputs", "match"),
        [
            ({"z": {"dtype": "float32", "shape": [2]}}, "no input 'z'"),
            ({"x": {"dtype": "float33", "shape": [2]}}, "option inputs"),
            ({"x": {"dtype": "float32", "shape": []}}, "option inputs"),
            ({"x": {"dtype": "float32", "shape": [0]}}, "option inputs"),
            ({"x": {"dtype": "float32"}}, "option inputs"),
            ({"x": "float32"}, "option inputs"),
            ("x", "option inputs"),
        ],
    )
    def test_a_declaration_that_does_not_fit(self, module, scripted, inputs, match):
        with pytest.raises(SuiteError, match=match):
            open_session(scripted(module), {"inputs": inputs})

    def test_a_declared_shape_that_the_model_refuses(self, module, scripted):
        wrong = {"x": {"dtype": "float32", "shape": ["n", 5]}}
        with pytest.raises(ModelLoadError, match="fails on zeros") as caught:
            open_session(scripted(module), {"inputs": wrong})
        assert "options.inputs" in caught.value.hint

    def test_a_batch_that_the_model_refuses(self, module, scripted):
        session = open_session(scripted(module), {})
        with pytest.raises(InferenceError, match=r"model\.pt: torch fails on a batch"):
            ask(session, x=X[:, :3])

    def test_a_script_tells_what_went_wrong_and_no_traceback(self, module, scripted):
        session = open_session(scripted(module), {})
        with pytest.raises(InferenceError, match="shapes cannot be mult") as caught:
            ask(session, x=X[:, :3])
        assert "Traceback" not in caught.value.message


class TestFactories:
    def test_arguments_reach_it(self, state, user_code):
        torch.manual_seed(0)
        wide = Linear(5)
        options = {**user_code, "factory_args": {"size": 5}}
        found = ask(open_session(state(**wide.state_dict()), options))["output"]
        np.testing.assert_allclose(found, expected(wide), rtol=1e-6)

    def test_a_checkpoint_names_its_entry(self, module, tmp_path, user_code):
        path = tmp_path / "last.ckpt"
        torch.save({"epoch": 3, "weights": module.state_dict()}, path)
        with pytest.raises(ModelLoadError, match="dict of epoch, weights") as caught:
            open_session(path, user_code)
        assert 'state = "' in caught.value.hint
        found = ask(open_session(path, {**user_code, "state": "weights"}))["output"]
        np.testing.assert_allclose(found, expected(module), rtol=1e-6)
        with pytest.raises(SuiteError, match="no entry 'ema'"):
            open_session(path, {**user_code, "state": "ema"})

    def test_none_is_named(self, state):
        with pytest.raises(SuiteError, match=r"2 tensors, layer\.weight") as caught:
            open_session(state(), {})
        assert 'factory = "package.module:function"' in caught.value.hint

    @pytest.mark.parametrize(
        ("factory", "kind", "match"),
        [
            ("nowhere.at.all:build", SuiteError, "No module named 'nowhere'"),
            ("architecture:missing", SuiteError, "no function 'missing'"),
            ("architecture", SuiteError, "names no function"),
            ("architecture:broken", ModelLoadError, "ZeroDivisionError"),
            ("architecture:number", SuiteError, "of type int"),
        ],
    )
    @pytest.mark.usefixtures("user_code")
    def test_one_that_does_not_do(self, state, factory, kind, match):
        with pytest.raises(kind, match=match) as caught:
            open_session(state(), {"factory": factory})
        assert caught.value.hint

    def test_arguments_that_it_does_not_take(self, state, user_code):
        options = {**user_code, "factory_args": {"depth": 5}}
        with pytest.raises(ModelLoadError, match="fails on depth = 5: TypeError"):
            open_session(state(), options)

    def test_weights_that_do_not_fit(self, state, user_code):
        one = torch.zeros(1)
        extra = {f"extra{i}": one for i in range(6)}
        changed = {"layer.bias": None, "layer.weight": torch.zeros(2, 2), **extra}
        with pytest.raises(ModelLoadError) as caught:
            open_session(state(**changed), user_code)
        assert "1 missing: layer.bias" in caught.value.message
        assert (
            "6 unexpected: extra0, extra1, extra2, extra3 and 2 more"
            in caught.value.message
        )
        assert "layer.weight (2, 2) for (3, 4)" in caught.value.message

    def test_a_wrapper_of_the_module_is_named(self, module, tmp_path, user_code):
        wrapped = {f"module.{k}": v for k, v in module.state_dict().items()}
        torch.save(wrapped, tmp_path / "model.pth")
        with pytest.raises(ModelLoadError, match="2 missing") as caught:
            open_session(tmp_path / "model.pth", user_code)
        assert "model.module.state_dict()" in caught.value.hint

    def test_options_of_another_form(self, module, scripted, user_code):
        with pytest.raises(SuiteError, match="torchscript, which option 'factory'"):
            open_session(scripted(module), user_code)


class TestFiles:
    def test_a_whole_module_is_a_pickle(self, tmp_path, user_code):
        torch.save(nn.Linear(4, 3), tmp_path / "model.pt")
        with pytest.raises(UnsafeModelError, match=r"torch\.nn.*Linear") as caught:
            open_session(tmp_path / "model.pt", user_code)
        assert "state_dict()" in caught.value.hint

    @pytest.mark.parametrize("name", ["model.pt", "model.pth"])
    def test_a_bare_pickle(self, tmp_path, name):
        (tmp_path / name).write_bytes(pickle.dumps({"layer": [1, 2]}))
        with pytest.raises(UnsafeModelError, match="is a pickle") as caught:
            open_session(tmp_path / name, {})
        assert caught.value.hint

    @pytest.mark.parametrize("data", [b"PK\x03\x04 and no more", b"text"])
    def test_what_pytorch_did_not_write(self, tmp_path, data):
        (tmp_path / "model.pt").write_bytes(data)
        with pytest.raises(ModelLoadError, match=r"model\.pt") as caught:
            open_session(tmp_path / "model.pt", {})
        assert caught.value.hint

    def test_an_archive_with_twins(self, module, exported):
        path = exported(module.eval())
        with zipfile.ZipFile(path) as archive:
            name = next(n for n in archive.namelist() if n.endswith("model.json"))
        with warnings.catch_warnings(), zipfile.ZipFile(path, "a") as archive:
            warnings.simplefilter("ignore")
            archive.writestr(name, "{}")
        with pytest.raises(UnsafeModelError, match="two entries"):
            open_session(path, {})


@torch.library.custom_op("harness_tests::twice", mutates_args=())
def twice(x: torch.Tensor) -> torch.Tensor:
    return x * 2


@twice.register_fake
def _(x):
    return torch.empty_like(x)


class Twice(nn.Module):
    def forward(self, x: torch.Tensor):
        return torch.ops.harness_tests.twice(x)


class TestOperators:
    @pytest.mark.parametrize("form", ["scripted", "exported"])
    def test_foreign_ones_are_named_in_the_suite(self, form, request):
        path = request.getfixturevalue(form)(Twice())
        with pytest.raises(UnsafeModelError, match="harness_tests") as caught:
            open_session(path, {})
        assert 'custom_ops = ["harness_tests::twice"]' in caught.value.hint
        session = open_session(path, {"custom_ops": ["harness_tests::twice"]})
        np.testing.assert_array_equal(ask(session)["output"], 2 * X)

    def test_a_script_that_writes_files(self, scripted):
        class Writes(nn.Module):
            def forward(self, x: torch.Tensor):
                torch.save(x, "stolen.pt")
                return x

        with pytest.raises(UnsafeModelError, match="aten::save"):
            open_session(scripted(Writes()), {})

    def test_a_script_that_reads_files(self, scripted):
        class Reads(nn.Module):
            def forward(self, x: torch.Tensor):
                return x + torch.from_file("/etc/hostname", False, 1)

        with pytest.raises(UnsafeModelError, match="aten::from_file"):
            open_session(scripted(Reads()), {})

    def test_words_in_messages_call_nothing(self, scripted):
        class Talks(nn.Module):
            def forward(self, x: torch.Tensor):
                if x.size(0) > 100:
                    raise ValueError("torch.save or ops.evil.op or 'ops")
                return x

        ask(open_session(scripted(Talks()), {}))

    @pytest.mark.parametrize(
        "code",
        [
            "ops.evil.op(x)",
            "ops . evil . op(x)",
            "ops.\\\n  evil.op(x)",
            "o = ops",
            "t = torch",
            "torch . save(x, 'f')",
            "__torch__.torch.classes.evil.Thing",
        ],
    )
    def test_no_disguise_helps(self, module, scripted, code):
        path = scripted(module)
        rewrite(path, {"code/__torch__/hidden.py": f"def f(x):\n  return {code}\n"})
        with pytest.raises(UnsafeModelError, match="its code calls"):
            open_session(path, {})


class Evil:
    def __init__(self, marker):
        self.marker = str(marker)

    def __reduce__(self):
        return (open, (self.marker, "w"))


class TestPrograms:
    """An exported program that only computes is all that loads."""

    @pytest.fixture
    def program(self, module, exported):
        batch = {"x": {0: torch.export.Dim("batch", min=1)}}
        return exported(module.eval(), dynamic_shapes=batch)

    def changed(self, path, change):
        with zipfile.ZipFile(path) as archive:
            name = next(n for n in archive.namelist() if n.endswith("model.json"))
            text = archive.read(name).decode()
        before = json.loads(text)
        after = json.loads(text)
        change(after)
        assert after != before
        rewrite(path, {"models/model.json": json.dumps(after)})
        return path

    def test_an_unharmed_rewrite_loads(self, program, module):
        rewrite(program, {})
        found = ask(open_session(program, {}))["output"]
        np.testing.assert_allclose(found, expected(module), rtol=1e-6)

    def test_sizes_that_are_code(self, program, tmp_path):
        text = (
            program and f"__import__('pathlib').Path({str(tmp_path / 'run')!r}).touch()"
        )

        def change(model):
            values = model["graph_module"]["graph"]["tensor_values"]
            values["x"]["sizes"][0]["as_expr"]["expr_str"] = text

        with pytest.raises(UnsafeModelError, match="hides code in expr_str"):
            open_session(self.changed(program, change), {})
        assert not (tmp_path / "run").exists()

    @pytest.mark.parametrize(
        "text",
        [
            "preview(s0)",
            "s0.__class__",
            "Symbol(exec)",
            "Max(s0, 'text')",
            "[s0 for s0 in s1]",
            "Max(*s0)",
            "s0 +",
            "(" * 400,
            "s0 + " * 3000 + "s0",
        ],
    )
    def test_sizes_that_are_no_arithmetic(self, program, text):
        def change(model):
            values = model["graph_module"]["graph"]["tensor_values"]
            values["x"]["sizes"][0]["as_expr"]["expr_str"] = text

        with pytest.raises(UnsafeModelError, match="expr_str"):
            open_session(self.changed(program, change), {})

    @pytest.mark.parametrize(
        "target",
        [
            "torch.os.system",
            "torch.load",
            "torch.ops.aten.from_file.default",
            "torch.ops.higher_order.triton_kernel_wrapper_mutation",
            "_operator.methodcaller",
            "math.factorial",
            "#evil:op",
            "x'; import os",
        ],
    )
    def test_functions_that_do_more_than_compute(self, program, target):
        def change(model):
            model["graph_module"]["graph"]["nodes"][0]["target"] = target

        with pytest.raises(UnsafeModelError, match="the program calls"):
            open_session(self.changed(program, change), {})

    def test_names_that_are_code(self, program):
        def change(model):
            model["graph_module"]["graph"]["nodes"][0]["name"] = "a):\n  exec"

        with pytest.raises(UnsafeModelError, match="hides code in name"):
            open_session(self.changed(program, change), {})

    def test_comments_that_are_code(self, program):
        def change(model):
            node = model["graph_module"]["graph"]["nodes"][0]
            node["metadata"]["stack_trace"] = "File x, line 1, in f\n  y\rimport os"

        with pytest.raises(UnsafeModelError, match="stack_trace"):
            open_session(self.changed(program, change), {})

    def test_guards_are_never_run(self, program, tmp_path):
        marker = tmp_path / "run"

        def change(model):
            code = f"__import__('pathlib').Path({str(marker)!r}).touch() is None"
            model["guards_code"] = [code]

        ask(open_session(self.changed(program, change), {}))
        assert not marker.exists()

    def test_examples_that_are_a_pickle(self, program, tmp_path):
        evil = tmp_path / "evil.pt"
        torch.save((Evil(tmp_path / "run"),), evil)
        rewrite(program, {"data/sample_inputs/model.pt": evil.read_bytes()})
        with pytest.raises(UnsafeModelError, match="pickle of more than tensors"):
            open_session(program, {})
        assert not (tmp_path / "run").exists()

    @pytest.mark.parametrize(
        ("name", "match"),
        [
            ("data/constants/opaque_obj_0", "a pickled object"),
            ("data/constants/custom_obj_0", "a pickled object"),
            ("data/aotinductor/model/model.so", "native code"),
        ],
    )
    def test_entries_that_would_run(self, program, name, match):
        rewrite(program, {name: b"anything"})
        with pytest.raises(UnsafeModelError, match=match):
            open_session(program, {})

    def test_the_environment_is_left_as_it_was(self, program, monkeypatch):
        monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
        monkeypatch.delenv("TORCH_FORCE_WEIGHTS_ONLY_LOAD", raising=False)
        open_session(program, {})
        assert os.environ["TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"] == "1"
        assert "TORCH_FORCE_WEIGHTS_ONLY_LOAD" not in os.environ

    def test_text_that_is_no_json(self, program):
        rewrite(program, {"models/model.json": b"{"})
        with pytest.raises(ModelLoadError, match=r"model\.json is no JSON"):
            open_session(program, {})

    def test_what_pytorch_says_is_passed_on(self, program, capfd):
        def change(model):
            model["schema_version"]["major"] = 4711

        with pytest.raises(ModelLoadError, match="4711"):
            open_session(self.changed(program, change), {})
        assert not capfd.readouterr().err
