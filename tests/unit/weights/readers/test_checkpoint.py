import shutil
import struct

import numpy as np
import pytest

from harness.core.errors import ModelLoadError
from harness.formats.checkpoints import OBJECTS, read_bundle
from harness.formats.crc32c import crc32c
from harness.weights import describe

VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"


@pytest.fixture
def names(tensorflow, tmp_path):
    """A copy of the checkpoint by names, to be damaged."""
    for file in (tensorflow.folder / "names").iterdir():
        shutil.copy(file, tmp_path)
    return tmp_path / "model-3"


def data_of(prefix):
    return prefix.with_name(f"{prefix.name}.data-00000-of-00001")


def test_a_saver_s_variables_are_what_tensorflow_reads(tensorflow, read_form):
    found = read_form("checkpoint", tensorflow.folder / "names" / "model-3")
    truth = tensorflow.of("names/model-3")
    assert set(truth) - set(found) == {
        *("conv/filters/Adam", "conv/filters/Adam_1", "conv/offset/Adam"),
        *("conv/offset/Adam_1", "beta1_power", "beta2_power", "global_step"),
    } & set(truth)
    for name, weight in found.items():
        np.testing.assert_array_equal(weight.load(), truth[name])
        assert weight.shape == truth[name].shape
    assert found["halves"].dtype == "bfloat16"


def test_the_metagraph_beside_it_tells_the_operators(tensorflow, read_form):
    folder = tensorflow.folder / "names"
    uses = {
        name: (w.role, w.op_type, w.layout, w.node)
        for name, w in read_form("metagraph", folder / "model-3.meta").items()
    }
    assert uses == {
        "conv/filters": ("kernel", "Conv2D", "HWIO", "Conv2D"),
        "conv/offset": ("bias", "BiasAdd", "O", "BiasAdd"),
        "halves": ("kernel", "MatMul", "IO", "y"),
        "table": ("embedding", "ResourceGather", "IO", uses["table"][3]),
    }


def test_without_a_metagraph_names_are_all_there_is(names, read_form):
    names.with_suffix(".meta").unlink()
    found = read_form("checkpoint", names)
    assert {(w.role, w.op_type, w.node) for w in found.values()} == {
        ("constant", None, "conv"),
        ("constant", None, None),
    }
    assert "table" in found


def test_parts_of_a_partitioned_variable_are_put_together(tensorflow, read_form):
    prefix = tensorflow.folder / "names" / "model-3"
    bundle = read_bundle(prefix.with_suffix(".index"))
    assert len(bundle.tensors["table"].slices) == 3
    found = read_form("checkpoint", prefix)["table"].load()
    np.testing.assert_array_equal(found, tensorflow.of("names/model-3")["table"])


@pytest.mark.parametrize("name", ["ckpt-1", "ckpt-1.index", ""])
def test_objects_give_names_and_roles(tensorflow, read_form, name):
    found = read_form("checkpoint", tensorflow.folder / "objects" / name)
    truth = tensorflow.of("objects/ckpt-1")
    keras = tensorflow.of("keras")
    uses = {(w.node, w.role, w.layout) for w in found.values()}
    assert uses == {
        ("first", "kernel", "HWIO"),
        ("first", "bias", "O"),
        ("norm", "gamma", "O"),
        ("norm", "beta", "O"),
        ("norm", "running_mean", "O"),
        ("norm", "running_variance", "O"),
        ("slope", "slope", None),
        ("wide", "depthwise_kernel", "HWIM"),
        ("wide", "bias", "O"),
        ("up", "kernel", "HWOI"),
        ("up", "bias", "O"),
        ("line", "kernel", None),
        ("memory/lstm_cell", "gate_kernel", "IG"),
        ("memory/lstm_cell", "gate_recurrent_kernel", "IG"),
        ("memory/lstm_cell", "gate_bias", "G"),
        ("last", "kernel", "IO"),
        ("last", "bias", "O"),
    }
    assert len(found) == 17
    for key, weight in found.items():
        assert key.endswith(VALUE)
        np.testing.assert_array_equal(weight.load(), truth[key])
    stored = sorted(w.load().tobytes() for w in found.values())
    floats = [v for k, v in keras.items() if v.dtype == np.float32]
    assert stored == sorted(v.tobytes() for v in floats)


def test_nothing_is_read_before_it_is_asked_for(names, read_form):
    found = read_form("checkpoint", names)
    data_of(names).unlink()
    with pytest.raises(ModelLoadError, match=r"'halves'.*No such file"):
        found["halves"].load()


def test_a_flipped_byte_anywhere_in_the_data_is_an_error(names, read_form):
    data = bytearray(data_of(names).read_bytes())
    whole = {n: w.load().copy() for n, w in read_form("checkpoint", names).items()}
    messages = []
    for at in range(0, len(data), 97):
        damaged = bytearray(data)
        damaged[at] ^= 0x10
        data_of(names).write_bytes(damaged)
        for name, weight in read_form("checkpoint", names).items():
            try:
                np.testing.assert_array_equal(weight.load(), whole[name])
            except ModelLoadError as error:
                messages.append(error.message)
    assert len(messages) > 10
    assert all("another checksum" in message for message in messages)


def test_a_flipped_byte_anywhere_in_the_index_is_an_error(names, read_form):
    index = names.with_suffix(".index")
    data = index.read_bytes()
    # The last bytes of the footer are padding, which nothing reads.
    for at in (*range(0, len(data) - 48, 7), len(data) - 4):
        damaged = bytearray(data)
        damaged[at] ^= 0x10
        index.write_bytes(damaged)
        with pytest.raises(ModelLoadError, match=r"model-3 is no whole"):
            read_form("checkpoint", names)


@pytest.mark.parametrize("suffix", [".index", ".data-00000-of-00001"])
def test_a_file_cut_short_is_an_error(names, read_form, suffix):
    path = names.with_name(names.name + suffix)
    data = path.read_bytes()
    for length in range(0, len(data) - 1, max(1, len(data) // 20)):
        path.write_bytes(data[:length])
        with pytest.raises(ModelLoadError, match="no whole TensorFlow checkpoint"):
            read_form("checkpoint", names)


def test_a_metagraph_cut_in_a_node_is_an_error(names, read_form):
    path = names.with_suffix(".meta")
    path.write_bytes(path.read_bytes()[:-100])
    for form, target in (("checkpoint", names), ("metagraph", path)):
        with pytest.raises(ModelLoadError, match="beyond the end"):
            read_form(form, target)


def test_a_missing_data_file_is_named(names, read_form):
    data_of(names).unlink()
    with pytest.raises(ModelLoadError, match="data-00000-of-00001 is not there"):
        read_form("checkpoint", names)


def test_a_folder_without_an_index_is_an_error(tmp_path, read_form):
    with pytest.raises(ModelLoadError, match=r"holds no \.index file"):
        read_form("checkpoint", tmp_path)


def test_a_metagraph_alone_says_what_is_missing(names, read_form):
    names.with_suffix(".index").unlink()
    with pytest.raises(ModelLoadError, match=r"model-3\.index is not beside it"):
        read_form("metagraph", names.with_suffix(".meta"))


def masked(crc):
    """A checksum as TensorFlow stores it (tensorflow/core/lib/hash/crc32c.h)."""
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def resealed(data, size):
    """A table whose first block of `size` bytes has its checksum renewed."""
    crc = masked(crc32c(memoryview(bytes(data[: size + 1]))))
    data[size + 1 : size + 5] = crc.to_bytes(4, "little")
    return bytes(data)


def block_size(data):
    """Of the first block: its restart count of one, and a type byte, end it."""
    for size in range(8, len(data) - 53):
        crc = masked(crc32c(memoryview(bytes(data[: size + 1]))))
        if bytes(data[size + 1 : size + 5]) == crc.to_bytes(4, "little"):
            return size
    raise AssertionError


def say_big_endian(prefix):
    """Set the endianness of the header, in place of the version of who wrote it."""
    index = prefix.with_suffix(".index")
    data = bytearray(index.read_bytes())
    size = block_size(data)
    assert data[:9] == b"\x00\x00\x06\x08\x01\x1a\x02\x08\x01"
    data[5:9] = b"\x10\x01\x1a\x00"
    index.write_bytes(resealed(data, size))


def rewrite(prefix, change):
    """Change the bytes of all tensors, with new checksums."""
    index = prefix.with_suffix(".index")
    table = index.read_bytes()
    size = block_size(table)
    bundle = read_bundle(index)
    data = bytearray(data_of(prefix).read_bytes())
    for name, entry in (*bundle.tensors.items(), *bundle.parts.items()):
        if not entry.size or entry.slices:
            continue
        place = slice(entry.offset, entry.offset + entry.size)
        data[place] = change(name, entry, bytes(data[place]))
        new = masked(crc32c(memoryview(bytes(data[place])))).to_bytes(4, "little")
        old = entry.crc.to_bytes(4, "little")
        assert table.count(old) >= 1
        table = table.replace(old, new)
    data_of(prefix).write_bytes(data)
    index.write_bytes(resealed(bytearray(table), size))


def other_order(_, entry, block):
    width = len(block) // max(1, int(np.prod(entry.shape)))
    return np.frombuffer(block, f"u{width}").byteswap().tobytes()


def test_numbers_of_the_other_byte_order_are_refused(names, read_form):
    say_big_endian(names)
    found = read_form("checkpoint", names)
    with pytest.raises(ModelLoadError, match=r"'conv/filters'.*look little-endian"):
        found["conv/filters"].load()


def test_a_big_endian_checkpoint_is_read_as_such(names, tensorflow, read_form):
    rewrite(names, other_order)
    say_big_endian(names)
    truth = tensorflow.of("names/model-3")
    for name, weight in read_form("checkpoint", names).items():
        np.testing.assert_array_equal(weight.load(), truth[name])
        assert weight.load().dtype.isnative


def test_nan_is_read_and_counted(names, read_form):
    def hole(name, _, block):
        nan = struct.pack("<f", np.nan)
        return nan + block[4:] if name == "conv/offset" else block

    rewrite(names, hole)
    weight = read_form("checkpoint", names)["conv/offset"]
    assert describe(weight).n_nonfinite == 1


def test_the_object_graph_is_no_weight(tensorflow, read_form):
    found = read_form("checkpoint", tensorflow.folder / "objects")
    assert OBJECTS not in found
    assert not [name for name in found if "save_counter" in name]
