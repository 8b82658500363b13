"""Pairs of files that are put to the engine: a network, and a candidate made of it."""

from __future__ import annotations

import json
import zlib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

from benchmarks.drift import mutants  # noqa: F401 - registers the mutators
from benchmarks.drift.editor import Editor, infer_shapes, name_nodes
from benchmarks.drift.faults import MUTATORS, Truth
from benchmarks.drift.rewrites import REWRITES, Rewritten, rewrite
from benchmarks.drift.running import floor_of, furthest, run
from benchmarks.drift.truth import carried_over, truth_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.drift.topologies import Built

# Dresses of mutants: nothing, or a rewrite. Nothing is the likeliest.
_DRESSES = (
    *("", "", "", "renamed", "renamed", "reordered", "ort_basic", "constant_nodes"),
    *("identities", "weights_behind_transpose"),
)
# A fault must move an output by this many floors, or it is no fault.
_CLEARLY = 4
_TRIES = 6
_BOUND = 3


@dataclass(frozen=True, slots=True)
class Plan:
    """How a candidate is made; small, and the same again from the same files.

    Attributes:
        topology: The network.
        mutator: Fault that is injected; empty for a clean pair.
        site: Which of the places of the mutator.
        dress: Rewrite that follows; empty for none.
    """

    topology: str
    mutator: str = ""
    site: int = 0
    dress: str = ""

    @property
    def name(self) -> str:
        """For people and logs."""
        return ":".join(filter(None, (self.topology, self.mutator, self.dress)))

    @property
    def cause(self) -> str:
        """Slug of the fault; empty for a clean pair."""
        return self.mutator.partition("/")[0]


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A candidate and what is true of it.

    Attributes:
        model: The file.
        truth: None where it is clean.
    """

    model: onnx.ModelProto
    truth: Truth | None


class Maker:
    """Makes candidates of one network, and checks what they claim.

    Attributes:
        built: The network.
        model: Its file, every node named.
        floor: Difference of outputs that rounding alone may bring about.
    """

    def __init__(self, built: Built) -> None:
        self.built = built
        self.model = onnx.load(built.path)
        name_nodes(self.model)
        self._shapes = infer_shapes(self.model, built.inputs)
        self._outputs = run(self.model, built.inputs, "all")
        self.floor = floor_of(self._outputs)
        if built.topology.family != "quantized":
            plain = run(self.model, built.inputs)
            self.floor = max(self.floor, furthest(self._outputs, plain))

    def make(self, plan: Plan) -> Candidate | None:
        """The candidate; None where there is no such place or it does not run."""
        mutator = MUTATORS.get(plan.mutator)
        model, truth = self.model, None
        if mutator is not None:
            graph = self._editor()
            sites = list(mutator.sites(graph))
            if plan.site >= len(sites):
                return None
            fault = sites[plan.site]()
            truth = truth_of(mutator, fault, graph)
            model = graph.model
            del model.graph.value_info[:]
        if plan.dress:
            made = rewrite(plan.dress, model, self.built.inputs)
            if made is None:
                return None
            return self._dressed(made, model, truth)
        return Candidate(model, truth)

    def n_sites(self) -> dict[str, int]:
        """How many places of the file each mutator could change."""
        graph = self._editor()
        return {
            name: sum(1 for _ in mutator.sites(graph))
            for name, mutator in MUTATORS.items()
        }

    def distance(self, model: onnx.ModelProto) -> float:
        """Largest |c - r| under the runtime's defaults; nan where it does not run."""
        try:
            answers = run(model, self.built.inputs, "all")
        except Exception as error:
            if "onnxruntime" not in type(error).__module__:
                raise
            return float("nan")
        return furthest(self._outputs, answers)

    def drifts(self, model: onnx.ModelProto) -> bool:
        """Whether it runs, answers in the same shapes, and clearly differs."""
        apart = self.distance(model)
        same_shapes = self._same_shapes(model) if np.isinf(apart) else True
        return not np.isnan(apart) and apart > _CLEARLY * self.floor and same_shapes

    def agrees(self, model: onnx.ModelProto) -> bool:
        """Whether it answers the same, up to rounding."""
        return self.distance(model) <= _BOUND * self.floor

    def _same_shapes(self, model: onnx.ModelProto) -> bool:
        answers = run(model, self.built.inputs, "all")
        expected = [array.shape for array in self._outputs.values()]
        return [array.shape for array in answers.values()] == expected

    def _editor(self) -> Editor:
        copy = onnx.ModelProto()
        copy.CopyFrom(self.model)
        return Editor(copy, self.built.inputs, self._shapes)

    def _dressed(
        self, made: Rewritten, model: onnx.ModelProto, truth: Truth | None
    ) -> Candidate:
        if truth is not None:
            truth = carried_over(truth, model, made.model, made.names)
        return Candidate(made.model, truth)


def plans(maker: Maker, folder: Path) -> list[Plan]:
    """Mutants and clean rewrites of one network; kept in a file once chosen."""
    kept = folder / f"plans-{_catalogue_digest():08x}.json"
    if kept.exists():
        return [Plan(**entry) for entry in json.loads(kept.read_text())]
    chosen = [*_mutants(maker), *_clean(maker)]
    kept.write_text(json.dumps([asdict(plan) for plan in chosen], indent=0))
    return chosen


def _mutants(maker: Maker) -> Iterator[Plan]:
    topology = maker.built.topology.name
    for name, n_sites in maker.n_sites().items():
        rng = np.random.default_rng(zlib.crc32(f"{topology}:{name}".encode()))
        for site in rng.permutation(n_sites)[:_TRIES]:
            bare = Plan(topology, name, int(site))
            if (made := maker.make(bare)) and maker.drifts(made.model):
                yield _dress(maker, bare, made, str(rng.choice(_DRESSES)))
                break


def _dress(maker: Maker, bare: Plan, made: Candidate, dress: str) -> Plan:
    """The mutant in a dress, where that changes none of its answers."""
    dressed = Plan(bare.topology, bare.mutator, bare.site, dress)
    try:
        other = maker.make(dressed) if dress else None
    except Exception as error:
        if "onnxruntime" not in type(error).__module__:
            raise
        return bare
    if other is None or not maker.drifts(other.model):
        return bare
    samples = maker.built.inputs
    apart = furthest(run(made.model, samples, "all"), run(other.model, samples, "all"))
    return dressed if apart <= _BOUND * maker.floor else bare


def _clean(maker: Maker) -> Iterator[Plan]:
    for name in REWRITES:
        plan = Plan(maker.built.topology.name, dress=name)
        made = maker.make(plan)
        if made is not None and maker.agrees(made.model):
            yield plan


def _catalogue_digest() -> int:
    """Changes with the code that injects and rewrites."""
    from benchmarks.drift.topologies import HERE

    sources: list[Any] = sorted(HERE.rglob("mutants/*.py"))
    sources += sorted(HERE.rglob("rewrites/*.py"))
    sources += [HERE / "pairs.py", HERE / "editor.py", HERE / "running.py"]
    return zlib.crc32(b"".join(source.read_bytes() for source in sources))
