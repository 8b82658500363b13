"""Every kind of bad suite file: the message names file, key, found and allowed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.errors import SuiteError
from harness.suite import load_suite
from harness.suite.table import Table

KIND = 'kind = "quantized"'
PATH = 'path = "models/m.int8.onnx"'
NAME = 'name = "digits"'
DATA = 'data = "data"'


def complaint(file) -> SuiteError:
    with pytest.raises(SuiteError) as caught:
        load_suite(file)
    error = caught.value
    assert error.message.startswith(str(file))
    assert error.hint
    assert error.message.isprintable()
    assert error.hint.isprintable()
    return error


@pytest.mark.parametrize(
    ("old", "new", "key", "near"),
    [
        (NAME, 'nmae = "digits"', "suite.nmae", "name"),
        (NAME, f"{NAME}\nalow_outside = true", "suite.alow_outside", "allow_outside"),
        ("[golden]", "[goldne]", "goldne", "golden"),
        (DATA, 'date = "data"', "golden.date", "data"),
        (DATA, f"{DATA}\npreprocess.scael = 2", "golden.preprocess.scael", "scale"),
        (KIND, f"{KIND}\nbatchsize = 1", "variant[int8].batchsize", "batch_size"),
        (
            KIND,
            f"{KIND}\ngate.max_recal_drop = 1",
            "variant[int8].gate.max_recal_drop",
            "max_recall_drop",
        ),
        (
            KIND,
            f"{KIND}\npreprocess.ofset = 1",
            "variant[int8].preprocess.ofset",
            "offset",
        ),
    ],
)
def test_an_unknown_key_is_told_its_neighbour(edited, old, new, key, near):
    error = complaint(edited(old, new))
    assert f"unknown key '{key}'" in error.message
    assert f"did you mean '{near}'? allowed here: " in error.hint
    assert near in error.hint.partition("allowed here: ")[2]


def test_a_key_like_no_other_is_told_the_allowed_ones(edited):
    error = complaint(edited(NAME, f"{NAME}\nzzz = 1"))
    assert "unknown key 'suite.zzz'" in error.message
    assert error.hint == (
        "allowed here: allow_outside, diagnosis_seconds, isolation, min_slice, name,"
        " reference, task, tolerances, undecided, waivers"
    )


def test_line_is_no_key_of_a_variant(edited):
    assert "variant[int8].line" in complaint(edited(KIND, f"{KIND}\nline = 3")).message


@pytest.mark.parametrize(
    ("old", "key", "allowed"),
    [
        (NAME, "suite.name", "a string"),
        ('task = "classification"', "suite.task", "classification, detection"),
        ('reference = "keras"', "suite.reference", "a string"),
        (DATA, "golden.data", "a string"),
        (f"[golden]\n{DATA}", "golden", "[golden]"),
        ('name = "int8"\n', "variant[1].name", "a string"),
        (KIND, "variant[int8].kind", "original, converted, frozen, optimized, quantiz"),
        (PATH, "variant[int8].path", "a string"),
    ],
)
def test_a_missing_key_is_named(edited, old, key, allowed):
    error = complaint(edited(old, ""))
    assert f"'{key}' is missing" in error.message
    assert allowed in error.hint


def test_a_suite_without_variants_is_no_suite(write, plain):
    head = plain.partition("[[variant]]")[0]
    error = complaint(write(head))
    assert "'variant' is missing" in error.message
    assert "[[variant]]" in error.hint
    error = complaint(write("variant = []\n" + head))
    assert "'variant' is []" in error.message


def test_an_empty_file_is_no_suite(write):
    assert "'suite' is missing" in complaint(write("")).message


NOT_TEXT = ["1", "1.5", "true", "[]", "{}", "1979-05-27", '""', '"  "']
NOT_A_TABLE = ["1", '"text"', "[]", "[1]", "false"]
NOT_A_NUMBER = ['"0.5"', "true", "[]", "{}", "nan", "inf", "-inf", f"1{'0' * 400}"]
NOT_A_COUNT = ['"1"', "true", "1.0", "0", "-3", "2147483648", "[]"]
NOT_A_FLAG = ["1", '"true"', "[]"]
NOT_AN_AXIS = ["-1", "64", "1.0", "true", '"1"', "[0]"]
NOT_AXES = [
    *("0", '"0"', "[]", "[1, 0]", "[0, 2]", "[0, 1, 1]", "[0, 1.0]", "[false, true]"),
    *('["0"]', "[[0]]", "[0, -1]"),
]


def cases(old: str, key: str, values: list[str], allowed: str, after: str = ""):
    """One case a value: `old`, then ``key = value`` in its place or after it."""
    leaf = after or key.rpartition(".")[2]
    for value in values:
        new = f"{old}\n{leaf} = {value}" if after else f"{leaf} = {value}"
        yield pytest.param(old, new, key, allowed, id=f"{key}={value[:12]}")


@pytest.mark.parametrize(
    ("old", "new", "key", "allowed"),
    [
        *cases(NAME, "suite.name", NOT_TEXT, "a string"),
        *cases('reference = "keras"', "suite.reference", NOT_TEXT, "a string"),
        *cases(DATA, "golden.data", NOT_TEXT, "a string"),
        *cases(PATH, "variant[int8].path", NOT_TEXT, "a string"),
        *cases(DATA, "golden.classes", NOT_TEXT, "a string", "classes"),
        *cases(DATA, "golden.labels", NOT_TEXT, "a string", "labels"),
        *cases(DATA, "golden.recorded", NOT_TEXT, "a string", "recorded"),
        *cases(KIND, "variant[int8].backend", NOT_TEXT, "a string", "backend"),
        *cases(
            'task = "classification"',
            "suite.task",
            ['"segmentatoin"', "3", "[]", "{}"],
            "one of binary, classification, detection, embedding, multilabel,"
            " regression, segmentation, sequence, tensor",
        ),
        *cases(
            KIND,
            "variant[int8].kind",
            ['"int8"', '"Quantized"', "8", '["quantized"]'],
            "one of original, converted, frozen, optimized, quantized",
        ),
        *cases(NAME, "suite.undecided", ['"pass"', "1"], "warn, fail", "undecided"),
        *cases(NAME, "suite.allow_outside", NOT_A_FLAG, "true or", "allow_outside"),
        *cases(DATA, "golden.preprocess", NOT_A_TABLE, "a table", "preprocess"),
        *cases(KIND, "variant[int8].preprocess", NOT_A_TABLE, "a table", "preprocess"),
        *cases(KIND, "variant[int8].gate", NOT_A_TABLE, "a table", "gate"),
        *cases(KIND, "variant[int8].options", NOT_A_TABLE, "a table", "options"),
        *cases(KIND, "variant[int8].inputs", NOT_A_TABLE, "a table", "inputs"),
        *cases(KIND, "variant[int8].outputs", NOT_A_TABLE, "a table", "outputs"),
        *cases(KIND, "variant[int8].inputs.x", NOT_TEXT, "a string", "inputs.x"),
        *cases(KIND, "variant[int8].outputs.x", NOT_TEXT, "a string", "outputs.x"),
        *cases(
            KIND,
            "variant[int8].batch_size",
            NOT_A_COUNT,
            "a whole number",
            "batch_size",
        ),
        *cases(
            KIND, "variant[int8].batch_axis", NOT_AN_AXIS, "an axis from", "batch_axis"
        ),
        *cases(
            KIND,
            "variant[int8].batch_axis.x",
            [*NOT_AN_AXIS, "{}"],
            '"none"',
            "batch_axis.x",
        ),
        *cases(
            DATA,
            "golden.preprocess.scale",
            NOT_A_NUMBER,
            "a finite number",
            "preprocess.scale",
        ),
        *cases(
            DATA,
            "golden.preprocess.offset",
            NOT_A_NUMBER,
            "a finite number",
            "preprocess.offset",
        ),
        *cases(
            DATA,
            "golden.preprocess.transpose",
            NOT_AXES,
            "the sample axis first",
            "preprocess.transpose",
        ),
        *cases(
            DATA,
            "golden.preprocess.flatten",
            NOT_A_FLAG,
            "true or false",
            "preprocess.flatten",
        ),
        *cases(
            DATA,
            "golden.preprocess.dtype",
            ['"float"', '"object"', '"O"', "32"],
            "",
            "preprocess.dtype",
        ),
        *cases(
            KIND,
            "variant[int8].gate.atol",
            [*NOT_A_NUMBER, "-1e-6"],
            "number",
            "gate.atol",
        ),
        *(
            case
            for share in (
                "max_mismatched",
                "min_top1_agreement",
                "max_accuracy_drop",
                "max_recall_drop",
            )
            for case in cases(
                KIND,
                f"variant[int8].gate.{share}",
                ["1.01", "99", "-0.1", '"1 %"'],
                "",
                f"gate.{share}",
            )
        ),
        *cases(
            KIND,
            "variant[int8].gate.alpha",
            ["0", "1", "1.5", "-0.01"],
            "",
            "gate.alpha",
        ),
    ],
)
def test_a_wrong_value_is_shown_beside_what_is_allowed(edited, old, new, key, allowed):
    error = complaint(edited(old, new))
    assert f"'{key}' is " in error.message
    assert error.hint.startswith("allowed is ")
    assert allowed in error.hint


@pytest.mark.parametrize(
    "limit", ["min_top1_agreement", "max_accuracy_drop", "max_recall_drop"]
)
def test_a_limit_that_the_task_can_never_judge(write, plain, limit):
    tensor = plain.replace('"classification"', '"tensor"')
    error = complaint(write(f"{tensor}gate.{limit} = 0.5\n"))
    assert f"'variant[int8].gate.{limit}' is 0.5" in error.message
    assert "suite.task = 'tensor'" in error.hint


@pytest.mark.parametrize("value", ["3", '"digits"', "[]", "[[1]]"])
def test_a_suite_of_the_wrong_type_is_told_its_form(write, plain, value):
    body = plain.partition("[golden]")[2]
    error = complaint(write(f"suite = {value}\n[golden]{body}"))
    assert "'suite' is " in error.message
    assert "[suite]" in error.hint


@pytest.mark.parametrize("value", ["3", '"m.onnx"', "[1]", "{ name = 'keras' }"])
def test_variants_of_the_wrong_type_are_told_their_form(write, plain, value):
    head = plain.partition("[[variant]]")[0]
    error = complaint(write(f"variant = {value}\n{head}"))
    assert "'variant' is " in error.message
    assert "[[variant]]" in error.hint


def test_two_variants_of_one_name(edited):
    error = complaint(edited('name = "int8"', 'name = "keras"'))
    assert "'variant[keras].name' is 'keras'" in error.message
    assert "no other variant has" in error.hint


def test_a_reference_that_no_variant_is(edited):
    error = complaint(edited('reference = "keras"', 'reference = "kears"'))
    assert "'suite.reference' is 'kears'" in error.message
    assert "keras, int8" in error.hint


def test_two_inputs_that_feed_one(edited):
    error = complaint(edited(KIND, f'{KIND}\ninputs = {{ a = "x", b = "x" }}'))
    assert "'variant[int8].inputs.b' is 'x'" in error.message


@pytest.mark.parametrize(
    "path", ["../m.onnx", "/etc/hosts", "models/../../m.onnx", "..", "link/m.onnx"]
)
@pytest.mark.parametrize(
    ("old", "key"), [(PATH, "variant[int8].path"), (DATA, "golden.data")]
)
def test_a_path_outside(edited, tmp_path, path, old, key):
    (tmp_path / "link").symlink_to(tmp_path.parent, target_is_directory=True)
    error = complaint(edited(old, f'{key.rpartition(".")[2]} = "{path}"'))
    assert f"'{key}' is '{path}'" in error.message
    assert str(tmp_path) in error.hint
    assert "allow_outside = true" in error.hint


@pytest.mark.parametrize("path", [r"m\u0000.onnx", "loop/m.onnx", "m" * 300])
def test_a_path_that_cannot_be_followed(edited, tmp_path, path):
    (tmp_path / "loop").symlink_to("loop")
    error = complaint(edited(PATH, f'path = "{path}"'))
    assert "'variant[int8].path' is 'm" in error.message or "loop" in error.message
    assert "a path" in error.hint


@pytest.mark.parametrize(
    "name",
    [
        *(
            "a/b",
            r"a\\b",
            "a:b",
            "a[b",
            "a]b",
            "..",
            ".",
            " a",
            "a ",
            r"a\nb",
            r"\u001b",
        ),
        *(r"\u0000", r"\u202Egnp", "x" * 81),
    ],
)
def test_a_hostile_variant_name(edited, name):
    error = complaint(edited('name = "int8"', f'name = "{name}"'))
    assert ".name' is " in error.message
    assert "printable" in error.hint


@pytest.mark.parametrize("name", [r"a\nb", r"\u001b[2J", " a", "x" * 81])
def test_a_hostile_suite_name(edited, name):
    error = complaint(edited(NAME, f'name = "{name}"'))
    assert "'suite.name' is " in error.message


@pytest.mark.parametrize(
    "name", ['"\\u001b[2J"', "[1]", "7", '"\\n"', f'"{"x" * 999}"']
)
def test_a_variant_whose_name_cannot_be_shown_goes_by_its_number(edited, name):
    error = complaint(edited('name = "int8"\nkind = "quantized"', f"name = {name}"))
    assert "variant[1]." in error.message


def test_a_huge_value_is_cut(edited):
    error = complaint(edited('task = "classification"', f'task = "{"x" * 5000}"'))
    assert len(error.message) < 500


def test_a_hostile_key_is_escaped(edited):
    error = complaint(edited(NAME, f'{NAME}\n"\\u001b[2J\\n" = 1'))
    assert r"\x1b" in error.message


@pytest.mark.parametrize(
    "text",
    [
        "[suite",
        "name = ",
        "a = 1\na = 2",
        "\x00",
        pytest.param(f"a = {'9' * 5000}", id="digits"),
        pytest.param(f"a = {'[' * 5000}", id="tower"),
    ],
)
def test_what_is_no_toml(write, text):
    error = complaint(write(text))
    assert "is not TOML" in error.message
    assert len(error.message) < 500


def test_a_tower_of_keys_is_an_unknown_key(write):
    error = complaint(write(".".join(["a"] * 5000) + " = 1"))
    assert "unknown key 'a'" in error.message


def test_a_tower_of_keys_as_a_value(edited):
    tower = ".".join(["x"] * 5000)
    error = complaint(edited(NAME, f"name.{tower} = 1"))
    assert "'suite.name' is " in error.message


@pytest.mark.parametrize("content", [b"\xff\xfe[\x00s\x00", b"# caf\xe9\n", b"\x89PNG"])
def test_what_is_not_utf8(write, content):
    assert "not UTF-8" in complaint(write(content)).message


def test_what_is_far_too_large(write):
    error = complaint(write(b"#" * ((1 << 20) + 1)))
    assert "larger than 1048576 bytes" in error.message


@given(st.binary(max_size=60))
def test_no_bytes_at_all_get_through_as_a_traceback(tmp_path_factory, content):
    file = tmp_path_factory.mktemp("suite") / "quality.toml"
    file.write_bytes(content)
    complaint(file)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=5,
    )
)
def test_any_value_is_refused_in_one_short_printable_message(tmp_path_factory, value):
    table = Table(tmp_path_factory.getbasetemp() / "q.toml", "suite", {"name": value})
    with pytest.raises(SuiteError) as caught:
        table.refuse("name", value, "something else")
    assert caught.value.message.isprintable()
    assert "'suite.name' is " in caught.value.message
