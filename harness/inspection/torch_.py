"""Facts of what `torch.save` writes, now and before 1.6."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from typing import TYPE_CHECKING

from harness.core.archives import open_archive, read_entry
from harness.formats.malformed import Malformed
from harness.formats.pickle_imports import MAX_PICKLE, pickle_notes
from harness.formats.pickle_machine import PickleMachine
from harness.formats.torch_tensors import tensors_in
from harness.inspection.tally import Weights

if TYPE_CHECKING:
    import zipfile
    from collections.abc import Iterator
    from pathlib import Path

    from harness.core.model_facts import ModelFacts

NO_GRAPH = "operators, inputs and outputs: it holds weights and no graph"
_WHOLE = "it is a whole model, whose code is not in the file"
# Magic number, protocol and facts of the machine come before the state.
_N_HEADERS = 3
# Pickles of a model of some million tensors; the numbers come after them.
_MAX_OLD = 64 << 20


def inspect_state(path: Path, facts: ModelFacts) -> ModelFacts:
    """Facts of an archive of `torch.save`.

    Raises:
        Malformed: Its pickle is cut short or damaged.
        ModelLoadError: The archive is cut short or damaged.
        UnsafeModelError: It is out of all bounds.
        OSError: It cannot be read.
    """
    with open_archive(path) as archive:
        machine = play(archive, "data.pkl")
    return _facts(machine, facts)


def inspect_old_state(path: Path, facts: ModelFacts) -> ModelFacts:
    """Facts of a file of `torch.save` before 1.6: pickles one after the other.

    Raises:
        Malformed: A pickle is cut short or damaged.
        OSError: It cannot be read.
    """
    with path.open("rb") as stream:
        head = BytesIO(stream.read(_MAX_OLD))
    machines = [PickleMachine(head) for _ in range(_N_HEADERS + 1)]
    facts = _facts(machines[-1], facts)
    odd = {name for machine in machines for name in machine.imports}
    return replace(facts, safety=pickle_notes(odd, "the pickle"))


def play(archive: zipfile.ZipFile, ending: str) -> PickleMachine:
    """One pickle of an archive, played through.

    Raises:
        Malformed: It is missing, larger than 256 MiB, cut short or damaged.
    """
    names = [name for name in archive.namelist() if name.endswith(ending)]
    pickle = read_entry(archive, min(names, default=""), MAX_PICKLE)
    if pickle is None:
        raise Malformed(
            f"its {ending} is missing or larger than {MAX_PICKLE >> 20} MiB"
        )
    return PickleMachine(pickle)


def weigh(machine: PickleMachine) -> Weights:
    """Tensors of a pickle; counters (int64) are no parameters."""
    weights = Weights()
    for _, dtype, shape in tensors_in(machine.result):
        weights.add(dtype, shape, is_parameter=dtype != "int64")
    return weights


def _facts(machine: PickleMachine, facts: ModelFacts) -> ModelFacts:
    weights = weigh(machine)
    notes = pickle_notes(machine.imports, "data.pkl")
    own = tuple(_own_classes(machine))
    return replace(
        facts,
        n_parameters=weights.n_parameters,
        bytes_by_dtype=weights.bytes_by_dtype,
        safety=notes,
        not_read=(NO_GRAPH, _WHOLE) if own else (NO_GRAPH,),
    )


def _own_classes(machine: PickleMachine) -> Iterator[str]:
    return (
        name
        for name in machine.imports
        if name.startswith(("torch.nn.modules", "__main__"))
    )
