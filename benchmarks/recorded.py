"""Suites of recordings: made-up scores, a little other in each variant.

What a run of them costs is the harness's own work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.core.provenance import digest_of
from harness.golden.record import RecordingWriter
from harness.golden.schema import Recording

if TYPE_CHECKING:
    from pathlib import Path

    from harness.core.protocols import IntArray

_BLOCK = 100_000
_NUMBERS = 20_000_000


def replays(place: Path, n: int, n_classes: int, n_variants: int) -> Path:
    """The file of a suite of `n_variants` over `n` samples, made in a new folder."""
    place.mkdir()
    labels = np.random.default_rng(0).integers(0, n_classes, n)
    x = np.arange(n, dtype=np.float32)[:, None]
    np.savez(place / "data.npz", x=x, label=labels)
    kinds = ["original"] + ["converted"] * (n_variants - 1)
    variants = [
        f'[[variant]]\nname = "v{index}"\nkind = "{kind}"\n'
        f'path = "recorded/v{index}"\nbackend = "replay"\n'
        for index, kind in enumerate(kinds)
    ]
    file = place / "quality.toml"
    file.write_text(
        '[suite]\nname = "replays"\ntask = "classification"\nreference = "v0"\n'
        '[golden]\ndata = "data.npz"\n' + "".join(variants)
    )
    for seed in range(n_variants):
        _record(place / "recorded" / f"v{seed}", seed, labels, n_classes)
    return file


def _record(folder: Path, seed: int, labels: IntArray, n_classes: int) -> None:
    folder.mkdir(parents=True)
    known = Recording(folder.name, digest_of(folder.name), "", "", 32)
    block = max(1, min(_BLOCK, _NUMBERS // n_classes))
    with RecordingWriter(folder, known) as writer:
        for start in range(0, len(labels), block):
            part = labels[start : start + block]
            shape = len(part), n_classes
            scores = np.random.default_rng(start).random(shape, np.float32) * 0.1
            scores[np.arange(len(part)), part] += 0.09
            noise = np.random.default_rng((seed, start)).random(shape, np.float32)
            writer.append({"scores": scores + np.float32(1e-6 * seed) * noise})
