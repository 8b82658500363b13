import os
import pickle
from collections import OrderedDict
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.errors import ModelLoadError
from harness.formats.malformed import Malformed
from harness.formats.pickle_imports import pickle_notes
from harness.formats.pickle_machine import Global, Made, PickleMachine
from harness.inspection import inspect_model

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


class Calls:
    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call


class Plain:
    def __init__(self):
        self.number = 3


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_would_be_called_is_found_in_every_protocol(protocol):
    bomb = pickle.dumps([1, Calls(os.system, ("rm -rf /",))], protocol)
    machine = PickleMachine(bomb)
    assert machine.imports == {f"{os.name}.system"}
    (note,) = pickle_notes(machine.imports, "it")
    assert note == f"it calls {os.name}.system when it is unpickled: do not load it"
    call = machine.result.args[1]
    assert (call.maker, call.args) == (Global(f"{os.name}.system"), ["rm -rf /"])


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_objects_with_state(protocol):
    machine = PickleMachine(pickle.dumps(Plain(), protocol))
    assert any(name.endswith(".Plain") for name in machine.imports)
    assert machine.result.state.pairs == [("number", 3)]


def test_a_global_whose_name_is_hidden_is_still_found():
    """Texts by way of the memo, DUP and POP; unpickled, this is os.system."""
    text = b"\x80\x04\x8c\x02os\x940\x8c\x06system2\x940h\x00h\x01\x93."
    assert PickleMachine(text).imports == {"os.system"}


def test_a_name_that_is_computed_is_told():
    text = b"\x80\x04N\x8c\x06system\x93."
    (note,) = pickle_notes(PickleMachine(text).imports, "it")
    assert "a name that is computed" in note


def test_the_harmless_is_silent():
    imports = PickleMachine(pickle.dumps(OrderedDict(a=[1, 2.5, b"x", None]))).imports
    assert imports == {"collections.OrderedDict"}
    assert pickle_notes(imports, "it") == ()
    assert pickle_notes(["torch.FloatStorage", "torch.float16"], "it") == ()


def test_unknown_imports_are_told_without_alarm():
    (note,) = pickle_notes([f"mine.C{i}" for i in range(10)], "data.pkl")
    assert note.startswith("data.pkl imports mine.C0, mine.C1")
    assert "and 2 more" in note


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


def as_plain(value):
    if isinstance(value, Made):
        if value.pairs:
            return {as_plain(key): as_plain(item) for key, item in value.pairs}
        return [as_plain(item) for item in value.args] or None
    return value


def emptied(value):
    """Empty lists and dicts read alike."""
    if isinstance(value, dict):
        return {key: emptied(item) for key, item in value.items()} or None
    if isinstance(value, list):
        return [emptied(item) for item in value] or None
    return value


@given(plain, st.sampled_from(PROTOCOLS))
def test_plain_values_come_back(value, protocol):
    machine = PickleMachine(pickle.dumps(value, protocol))
    assert as_plain(machine.result) == emptied(value)
    assert machine.imports == set()


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data):
    with suppress(Malformed):
        assert PickleMachine(b"\x80\x04" + data).imports is not None


def test_values_shared_over_and_over_take_no_memory():
    """(x, x) of (x, x) of ..., 2**60 deep by name."""
    doubled = b"".join(b"h%ch%c\x86\x94" % (i, i) for i in range(60))
    bomb = b"\x80\x04)\x94" + doubled
    assert PickleMachine(bomb + b".").imports == set()


def test_a_pickle_file_is_told_of(tmp_path):
    path = tmp_path / "m.pkl"
    path.write_bytes(pickle.dumps(Calls(os.system, ("true",))))
    found = inspect_model(path, "pickle")
    assert "can run any code" in found.safety[0]
    assert "system" in found.safety[1]


def test_a_pickle_cut_short_is_an_error(tmp_path):
    path = tmp_path / "m.pkl"
    path.write_bytes(pickle.dumps([1, 2, 3])[:-1])
    with pytest.raises(ModelLoadError, match="pickle is cut short"):
        inspect_model(path, "pickle")
