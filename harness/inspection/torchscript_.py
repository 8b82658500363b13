"""Facts of a TorchScript archive: its code is text, its weights a pickle."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from harness.core.archives import open_archive, read_entry
from harness.core.protocols import TensorSpec
from harness.formats.pickle_imports import pickle_notes
from harness.inspection.tally import counted
from harness.inspection.torch_ import play, weigh
from harness.inspection.traps import traps_in

if TYPE_CHECKING:
    import zipfile
    from collections.abc import Iterator
    from pathlib import Path

    from harness.core.model_facts import ModelFacts

_MAX_CODE = 64 << 20
# torch.relu(...), ops.aten.conv2d(...): calls of operators in TorchScript's own text.
_CALL = re.compile(r"\b(?:torch|ops\.(\w{1,64}))\.(\w{1,64})\(")
_FORWARD = re.compile(
    r"^  def forward\(([^)]{0,4096})\)\s*->\s*([^\n]{1,400}):$", re.MULTILINE
)
_CLASS = re.compile(r"^class (\w+)\(Module\):$", re.MULTILINE)
# Kept by PyTorch itself; operators of others come from libraries that are loaded.
_OWN = frozenset({"aten", "prim", "prims", "quantized", "inductor"})
_NOT_READ = "shapes and dtypes of inputs and outputs: TorchScript does not keep them"
_HELPERS = frozenset({"annotate", "unchecked_cast", "__contains__", "__is__"})


def inspect_torchscript(path: Path, facts: ModelFacts) -> ModelFacts:
    """Facts of a TorchScript archive.

    Raises:
        Malformed: Its pickle is cut short or damaged.
        ModelLoadError: The archive is cut short or damaged.
        UnsafeModelError: It is out of all bounds.
        OSError: It cannot be read.
    """
    with open_archive(path) as archive:
        machine = play(archive, "data.pkl")
        code = _code(archive)
        version = _version(archive)
    calls = [match for text in code.values() for match in _CALL.finditer(text)]
    operators = counted(_called(calls))
    weights = weigh(machine)
    # Classes of the archive itself are TorchScript, not Python.
    outside = [name for name in machine.imports if not name.startswith("__torch__.")]
    inputs, outputs = _ends(code)
    return replace(
        facts,
        version=version,
        inputs=inputs,
        outputs=outputs,
        operators=operators,
        n_parameters=weights.n_parameters,
        bytes_by_dtype=weights.bytes_by_dtype,
        safety=(*_custom(calls), *pickle_notes(outside, "data.pkl")),
        portability=traps_in(operators),
        metadata={"code": _code_size(code)},
        not_read=(_NOT_READ,),
    )


def _code(archive: zipfile.ZipFile) -> dict[str, str]:
    names = sorted(n for n in archive.namelist() if "/code/" in n and n.endswith(".py"))
    texts = {name: read_entry(archive, name, _MAX_CODE) for name in names}
    return {n: text.decode(errors="replace") for n, text in texts.items() if text}


def _version(archive: zipfile.ZipFile) -> str | None:
    name = min((n for n in archive.namelist() if n.endswith("/version")), default="")
    text = read_entry(archive, name, 64)
    return f"archive version {text.decode(errors='replace').strip()}" if text else None


def _called(calls: list[re.Match[str]]) -> Iterator[str]:
    for call in calls:
        namespace, name = call[1], call[2]
        if namespace in {None, "aten"}:
            if name not in _HELPERS:
                yield name
        elif namespace not in {"prim", "prims"}:
            yield f"{namespace}::{name}"


def _custom(calls: list[re.Match[str]]) -> Iterator[str]:
    for namespace in sorted({call[1] for call in calls if call[1]} - _OWN):
        names = sorted({call[2] for call in calls if call[1] == namespace})
        yield (
            f"custom operators of {namespace} ({', '.join(names[:5])}) need a library"
            " of native code to be loaded"
        )


def _ends(
    code: dict[str, str],
) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
    """Arguments and answer of the outermost module's forward."""
    shortest = min(code, key=lambda name: (name.count("/"), name), default="")
    text = code.get(shortest, "")
    classes = list(_CLASS.finditer(text))
    match = _FORWARD.search(text, classes[-1].start() if classes else 0)
    if match is None:
        return (), ()
    fed = [part.split(":") for part in match[1].split(",\n") if ":" in part][1:]
    inputs = tuple(
        TensorSpec(name.strip(), kind.strip(), None) for name, kind, *_ in fed
    )
    return inputs, (TensorSpec("answer", match[2], None),)


def _code_size(code: dict[str, str]) -> str:
    size = sum(len(text.encode()) for text in code.values())
    return f"{size:,} bytes in {len(code)} files"
