"""TensorFlow's checkpoints: what their index says of each tensor, and its bytes.

The values of the index are BundleHeaderProto and BundleEntryProto
(tensorflow/core/protobuf/tensor_bundle.proto).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.formats.crc32c import crc32c, unmasked
from harness.formats.malformed import Malformed
from harness.formats.sorted_table import entries
from harness.formats.tensorflow_protos import dtype_of, fixed_shape
from harness.formats.wire import Message, mapped, varint

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

# Of an object-based checkpoint: how its objects hang together.
OBJECTS = "_CHECKPOINTABLE_OBJECT_GRAPH"
_MAX_SHARDS = 10_000
_MAX_TEXT = 1 << 30
_ESCAPED = {b"\0": b"\0\xff", b"\xff": b"\xff\0"}


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of a partitioned variable.

    Attributes:
        key: Where its entry is.
        starts: First index of each axis.
        lengths: Of each axis.
    """

    key: bytes
    starts: tuple[int, ...]
    lengths: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One tensor of the index.

    Attributes:
        dtype: Name of its type; quantized types go by the integers they are.
        shape: Its lengths.
        shard: Which data file.
        offset: First byte in that file.
        size: Bytes.
        crc: Masked CRC-32C of the bytes.
        slices: Its parts, where it is partitioned and has no bytes of its own.
    """

    dtype: str
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    crc: int
    slices: tuple[Slice, ...] = ()


@dataclass(slots=True)
class Bundle:
    """A checkpoint.

    Attributes:
        prefix: Path that its files begin with.
        n_shards: Number of data files.
        big_endian: Whether its numbers are.
        tensors: Name -> entry.
        parts: Keys of slices -> entry.
        verified: Entries whose bytes had their checksum: they are summed once.
    """

    prefix: Path
    n_shards: int = 1
    big_endian: bool = False
    tensors: dict[str, Entry] = field(default_factory=dict)
    parts: dict[bytes, Entry] = field(default_factory=dict)
    verified: set[Entry] = field(default_factory=set)

    def shard(self, number: int) -> Path:
        """A data file."""
        suffix = f".data-{number:05d}-of-{self.n_shards:05d}"
        return self.prefix.with_name(self.prefix.name + suffix)

    def check(self) -> None:
        """See that all bytes are where the index says.

        Raises:
            Malformed: A data file is missing or too short.
        """
        sizes: dict[int, int] = {}
        for entry in (*self.tensors.values(), *self.parts.values()):
            file = self.shard(entry.shard)
            if entry.shard not in sizes and not entry.slices:
                if not file.is_file():
                    raise Malformed(f"its data file {file.name} is not there")
                sizes[entry.shard] = file.stat().st_size
            end, size = entry.offset + entry.size, sizes.get(entry.shard, 0)
            if not entry.slices and not 0 <= entry.offset <= end <= size:
                raise Malformed(
                    f"a tensor of it ends at byte {end:,} of {file.name}, which has"
                    f" {size:,}"
                )

    def block(self, entry: Entry) -> memoryview:
        """The bytes of a tensor, mapped and held against their checksum.

        Raises:
            Malformed: They are not those that were written.
            OSError: The data file cannot be read.
        """
        with mapped(self.shard(entry.shard)) as data:
            block = data[entry.offset : entry.offset + entry.size]
        if entry in self.verified:
            return block
        if len(block) != entry.size or crc32c(block) != unmasked(entry.crc):
            raise Malformed(
                "its bytes are not those that were written: they have another checksum"
            )
        self.verified.add(entry)
        return block

    def text(self, name: str) -> bytes:
        """The only string of a tensor of strings.

        Raises:
            Malformed: It is damaged.
            OSError: The data file cannot be read.
        """
        entry = self.tensors[name]
        with mapped(self.shard(entry.shard)) as data:
            block = data[entry.offset : entry.offset + entry.size]
        length, at = varint(block, 0)
        # A checksum of the lengths comes before the text.
        if at + 4 + length != len(block) or length > _MAX_TEXT:
            raise Malformed(f"{name} is cut short")
        return bytes(block[at + 4 :])


def read_bundle(index: Path) -> Bundle:
    """What the index of a checkpoint holds.

    Raises:
        Malformed: It is cut short, damaged or compressed.
        OSError: It cannot be read.
    """
    bundle = Bundle(index.with_suffix(""))
    with mapped(index) as data:
        for key, value in entries(data):
            message = Message(value)
            if not key:
                bundle.n_shards = message.integer(1)
                bundle.big_endian = message.integer(2) == 1
            elif key[:1] == b"\0":
                bundle.parts[key] = _entry("", message)
            else:
                name = key.decode(errors="replace")
                bundle.tensors[name] = _entry(name, message)
    if not 0 < bundle.n_shards <= _MAX_SHARDS:
        raise Malformed(f"it has {bundle.n_shards} data files")
    return bundle


def index_of(path: Path) -> Path:
    """The index of a checkpoint that is named in any way.

    Raises:
        Malformed: It is a folder without one.
    """
    if path.is_dir():
        found = path.glob("*.index")
        newest = max(found, key=lambda p: (p.stat().st_mtime_ns, p.name), default=None)
        if newest is None:
            raise Malformed("the folder holds no .index file")
        return newest
    return path if path.is_file() else path.with_name(f"{path.name}.index")


def _entry(name: str, message: Message) -> Entry:
    shape = fixed_shape(message.message(2))
    crc = int.from_bytes((message.blocks(6) or [memoryview(b"")])[-1], "little")
    slices = tuple(_slice(name, shape, part) for part in message.messages(7))
    return Entry(
        dtype_of(message.integer(1)).removeprefix("q"),
        shape,
        message.integer(3),
        message.integer(4),
        message.integer(5),
        crc,
        slices,
    )


def _slice(name: str, shape: tuple[int, ...], message: Message) -> Slice:
    """A TensorSliceProto: an extent without a length is the whole axis."""
    extents = [(e.integer(1), e.integer(2, -1)) for e in message.messages(1)]
    if len(extents) != len(shape):
        raise Malformed(f"a part of {name!r} has {len(extents)} axes")
    starts = tuple(start for start, _ in extents)
    sizes = zip(extents, shape, strict=True)
    lengths = tuple(whole if n < 0 else n for (_, n), whole in sizes)
    return Slice(_slice_key(name, extents), starts, lengths)


def _slice_key(name: str, extents: Iterable[tuple[int, int]]) -> bytes:
    """Key of a part (tensorflow/core/util/saved_tensor_slice_util.cc).

    In the order-preserving code of tensorflow/core/lib/strings/ordered_code.cc.
    """
    pairs = list(extents)
    text = re.sub(rb"[\0\xff]", lambda m: _ESCAPED[m[0]], name.encode())
    key = [_rising(0), text + b"\0\1", _rising(len(pairs))]
    key += [_signed(number) for pair in pairs for number in pair]
    return b"".join(key)


def _rising(number: int) -> bytes:
    """A number that is not negative: its length in bytes, then they, highest first."""
    digits = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return bytes([len(digits)]) + digits


def _signed(number: int) -> bytes:
    """A number of either sign: as many leading ones as bytes, then its digits."""
    magnitude = ~number if number < 0 else number
    n = 1
    while magnitude >> (7 * n - 1):
        n += 1
    ones = ((1 << n) - 1) << (7 * n)
    return (number % (1 << 8 * n) ^ ones).to_bytes(n, "big")
