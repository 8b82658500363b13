"""Readers of bytes, held against the libraries that write them."""

from contextlib import suppress

import flatbuffers
import pytest
from google.protobuf import text_format
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from harness.formats import flat, prototext, wire
from harness.formats.malformed import Malformed
from harness.inspection.tally import Weights, counted
from harness.inspection.traps import traps_in

INT64 = st.integers(-(2**63), 2**63 - 1)


@given(dims=st.lists(INT64), name=st.text(), kind=st.integers(0, 16))
def test_protobuf_messages(dims, name, kind):
    tensor = TensorProto(dims=dims, data_type=kind, name=name)
    message = wire.Message(memoryview(tensor.SerializeToString()))
    assert message.integers(1) == dims
    assert message.integer(2) == kind
    assert message.text(8) == name


def test_missing_fields_are_empty():
    message = wire.Message(memoryview(b""))
    assert (message.integer(1), message.text(2), list(message.messages(3))) == (
        0,
        "",
        [],
    )
    assert not message.has(1)
    assert message.message(4).integer(1, 7) == 7


@given(st.binary(max_size=80))
def test_any_bytes_are_a_message_or_malformed(data):
    try:
        message = wire.Message(memoryview(data))
    except Malformed:
        return
    assert message.numbered(0) == sorted(set(message.numbered(0)))


def test_messages_of_too_many_fields_are_refused(monkeypatch):
    monkeypatch.setattr(wire, "_MAX_FIELDS", 3)
    with pytest.raises(Malformed, match="more than 3 fields"):
        wire.Message(memoryview(b"\x08\x01" * 4))


@given(st.binary(max_size=80))
def test_any_bytes_are_a_flatbuffer_or_malformed(data):
    with suppress(Malformed):
        table = flat.root(memoryview(data))
        assert isinstance(table.text(0), str)
        assert all(isinstance(value, int) for value in table.integers(2, "q"))
        assert len(table.block(3)) <= len(data)
        assert len(list(table.tables(1))) <= len(data)


def test_tables_that_point_to_one_another_are_bounded(monkeypatch):
    monkeypatch.setattr(flat, "_MAX_TABLES", 10)
    builder = flatbuffers.Builder(64)
    builder.StartObject(1)
    item = builder.EndObject()
    builder.StartVector(4, 20, 4)
    for _ in range(20):
        builder.PrependUOffsetTRelative(item)
    items = builder.EndVector()
    builder.StartObject(1)
    builder.PrependUOffsetTRelativeSlot(0, items, 0)
    builder.Finish(builder.EndObject())
    with pytest.raises(Malformed, match="more than 10 parts"):
        list(flat.root(memoryview(builder.Output())).tables(0))


def test_text_messages_as_protobuf_writes_them():
    node = helper.make_node("Conv", ["x", 'a "b"'], ["y"], name="n", pads=[0, -1])
    message = prototext.parse_prototext(text_format.MessageToString(node))
    assert message.text("op_type") == "Conv"
    assert message.texts("output") == ["y"]
    assert message.message("attribute").integers("ints") == [0, -1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1 a: 2", ["1", "2"]),
        ("a: [1, 2]; # note", ["1", "2"]),
        ("a: 'x' ", ["x"]),
        ("b < c: 1 > a: 3", ["3"]),
        ("[ext.name] { c: 1 } a: 4", ["4"]),
        ("b { a: 9 }", []),
    ],
)
def test_ways_of_writing_text(text, expected):
    assert prototext.parse_prototext(text).texts("a") == expected


@pytest.mark.parametrize(
    "text", ["a", "a:", "a {", "}", "a: }", "a: [1", "[a", '"', "{", "a: [}]"]
)
def test_text_that_is_cut_short_is_malformed(text):
    with pytest.raises(Malformed):
        prototext.parse_prototext(text)


@pytest.mark.parametrize(
    "piece", [" ", "#", "a ", "\\", "'", "a:1 ", "a{}", ",", "[a]"]
)
def test_long_text_of_one_piece_takes_no_time(piece):
    text = piece * (200_000 // len(piece))
    with suppress(Malformed):
        assert prototext.parse_prototext(text) is not None


@given(st.dictionaries(st.text(min_size=1), st.integers(1, 9)))
def test_counts_come_most_frequent_first(expected):
    found = counted(name for name, n in expected.items() for _ in range(n))
    assert found == expected
    assert list(found.values()) == sorted(found.values(), reverse=True)


def test_weights_by_dtype():
    weights = Weights()
    weights.add("int4", (3,))
    weights.add("float32", (2, -1))
    weights.add("float32", (), is_parameter=True)
    weights.add("int64", (5,), is_parameter=False)
    weights.add("str", (5,))
    assert weights.n_parameters == 3 + 1
    assert weights.bytes_by_dtype == {"int64": 40, "float32": 4, "int4": 2}


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("RESIZE_BILINEAR", "sampling"),
        ("ResizeNearestNeighbor", "sampling"),
        ("upsample_bilinear2d", "sampling"),
        ("Conv2DBackpropInput", "padding is split"),
        ("TRANSPOSE_CONV", "padding is split"),
        ("AVERAGE_POOL_2D", "counts in a mean"),
        ("UNIDIRECTIONAL_SEQUENCE_LSTM", "gates"),
        ("mylib::GELU", "tanh"),
        ("FusedBatchNormV3", "epsilon"),
        ("ArgMax", "ties"),
    ],
)
def test_traps_of_all_forms(name, says):
    (line,) = traps_in([name])
    assert line.startswith(f"{name}: ")
    assert says in line


@pytest.mark.parametrize(
    "name", ["Conv2D", "Relu", "Return", "AddV2", "Background", "Norm2"]
)
def test_the_harmless_is_silent(name):
    assert [line for line in traps_in([name]) if "size" not in line] == []
