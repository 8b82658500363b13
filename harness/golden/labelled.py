"""Golden data whose labels lie in a file of their own."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from harness.core.errors import GoldenError
from harness.core.provenance import digest_of, sha256_of
from harness.golden.labels import LABEL_KEYS, Labels, check_labels
from harness.golden.npz import ArrayFile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.core.protocols import Array, GoldenChunk
    from harness.core.vouched import Vouched
    from harness.golden.source import TableGolden


class LabelledGolden:
    """A golden set with labels from elsewhere; see `GoldenSource` in core.

    Labels are held whole: they are a few bytes a sample.

    Args:
        source: The samples; labels of their own are not looked at.
        file: ``.npy``, or ``.npz`` with one array or one under a label's key.

    Raises:
        GoldenError: The file holds no labels, or not as many as there are samples.
    """

    def __init__(self, source: TableGolden, file: Path) -> None:
        self._source = source
        self._raw = _read_labels(file, source.n_samples)
        self._labels = Labels(str(file), source.class_names)
        self.n_samples = source.n_samples
        self.inputs = source.inputs
        self.class_names = source.class_names
        self.has_labels = True
        self.notices = source.notices
        self._file = file

    @cached_property
    def digest(self) -> str:
        """sha256 over samples and labels, hex."""
        vouched = self._source.table.vouched
        if vouched is not None:
            return vouched.digest
        return digest_of([self._source.digest, self._label_digest])

    @cached_property
    def _label_digest(self) -> str:
        return sha256_of(self._file)

    def span_digest(self, span: slice) -> str:
        """sha256 over some samples, their place included; see `SpannedSource`."""
        return digest_of([self._source.span_digest(span), self._label_digest])

    def vouch(self, *, whole: bool = False) -> Vouched:
        """What has been made sure of so far; see `GoldenSource` in core."""
        return replace(self._source.vouch(whole=whole), digest=self.digest)

    def chunks(self, rows: int, span: slice | None = None) -> Iterator[GoldenChunk]:
        """Chunks of exactly `rows` samples, the last one shorter; in order.

        Raises:
            GoldenError: As the samples' own, or a label is out of range.
        """
        for chunk in self._source.chunks(rows, span):
            labels = self._labels.indices(self._raw[chunk.rows], chunk.rows.start)
            yield replace(chunk, labels=labels)


def _read_labels(file: Path, n_samples: int) -> Array:
    with ArrayFile(file) as arrays:
        names = arrays.names
        key = next((key for key in LABEL_KEYS if key in names), None)
        if key is None and len(names) == 1:
            (key,) = names
        if key is None:
            raise GoldenError(
                f"{file}: which of {', '.join(names) or 'no arrays'} are labels?",
                hint=f"call the array {LABEL_KEYS[0]!r}, or save it alone",
            )
        header = arrays.header(key)
        check_labels(f"{file}: {key}", header.dtype, header.shape[1:])
        if header.shape[:1] != (n_samples,):
            raise GoldenError(
                f"{file}: {key} has shape {header.shape} for {n_samples} samples",
                hint="save one label a sample, in the order of the samples",
            )
        return arrays.read(key)
