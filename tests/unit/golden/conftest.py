"""A small golden set, in memory and on disk."""

import numpy as np
import pytest

from harness.core.specs import GoldenSpec
from harness.golden.source import open_golden
from harness.golden.write import write_npz


@pytest.fixture
def arrays():
    """Seven samples of two inputs, with labels and names."""
    count = np.arange(7)
    return {
        "image": (count[:, None, None] + np.arange(6).reshape(2, 3)).astype(np.uint8),
        "weight": count.astype(np.float32) / 4,
        "label": count % 3,
        "sample_id": np.array([f"s{i}" for i in count]),
    }


@pytest.fixture
def open_npz(tmp_path):
    """Writes arrays as an npz and opens it as golden data."""

    def opened(class_file=None, /, **arrays):
        write_npz(tmp_path / "data.npz", arrays)
        return open_golden(GoldenSpec(tmp_path / "data.npz", classes=class_file))

    return opened


@pytest.fixture
def joined():
    """All chunks of a source, put together again."""

    def join(source, rows):
        chunks = list(source.chunks(rows))
        inputs = {
            name: np.concatenate([chunk.inputs[name] for chunk in chunks])
            for name in chunks[0].inputs
        }
        return chunks, inputs

    return join
