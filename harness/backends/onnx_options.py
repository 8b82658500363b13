"""Options of the onnxruntime backend: as the runtime takes them, and for the record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import onnxruntime

from harness.backends.onnx_config_keys import misspelt
from harness.backends.onnx_errors import RUNTIME_ERRORS
from harness.backends.options import Options
from harness.core.errors import SuiteError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_LEVELS = {
    "disable": "ORT_DISABLE_ALL",
    "basic": "ORT_ENABLE_BASIC",
    "extended": "ORT_ENABLE_EXTENDED",
    "layout": "ORT_ENABLE_LAYOUT",
    "all": "ORT_ENABLE_ALL",
}
_MODES = {"sequential": "ORT_SEQUENTIAL", "parallel": "ORT_PARALLEL"}
_ALLOWED = frozenset(
    {
        *("config", "disabled_optimizers", "execution_mode"),
        *("enable_cpu_mem_arena", "enable_mem_pattern", "graph_optimization_level"),
        *("inter_op_num_threads", "intra_op_num_threads", "providers"),
    }
)
_NO_LOG = 4
# Providers that drop any option without a word.
_WITHOUT_OPTIONS = frozenset({"AzureExecutionProvider", "CPUExecutionProvider"})


class Request:
    """The options, as onnxruntime takes them and as the record tells them."""

    def __init__(self, given: Mapping[str, object]) -> None:
        options = Options("onnxruntime", given, _ALLOWED)
        level = options.choice("graph_optimization_level", _LEVELS, "all")
        mode = options.choice("execution_mode", _MODES, "sequential")
        intra = options.count("intra_op_num_threads", 1)
        inter = options.count("inter_op_num_threads", 1)
        self.providers = _providers(options)
        self.session = onnxruntime.SessionOptions()
        # What the runtime would log about a failure is in the exception we translate.
        self.session.log_severity_level = _NO_LOG
        self.session.graph_optimization_level = _level(level)
        self.session.execution_mode = getattr(onnxruntime.ExecutionMode, _MODES[mode])
        self.session.intra_op_num_threads = intra
        self.session.inter_op_num_threads = inter
        self.facts: dict[str, str | int | float | bool | None] = {
            "graph_optimization_level": level,
            "execution_mode": mode,
            "intra_op_num_threads": intra,
            "inter_op_num_threads": inter,
        }
        for name in ("enable_cpu_mem_arena", "enable_mem_pattern"):
            value = options.get(name, bool, True)
            setattr(self.session, name, value)
            # Neither changes a number: what is usual need not be told.
            if not value:
                self.facts[name] = value
        self.disabled = options.names("disabled_optimizers")
        if self.disabled:
            self.facts["disabled_optimizers"] = ", ".join(self.disabled)
        for key, value in sorted(options.get("config", dict, {}).items()):
            self._configure(options, key, str(value))

    def _configure(self, options: Options, key: str, value: str) -> None:
        if (near := misspelt(key)) is not None:
            raise SuiteError(
                f"backend 'onnxruntime': config has the key {key!r}, which this"
                f" onnxruntime {onnxruntime.__version__} does not know",
                hint=f"the nearest that it knows: {near}" if near else "leave it out",
            )
        try:
            self.session.add_session_config_entry(key, value)
        except RUNTIME_ERRORS as error:
            entry = {key: value}
            raise options.wrong("config", entry, "entries of onnxruntime") from error
        self.facts[f"config.{key}"] = value


def provider_facts(
    session: Any, requested: Sequence[tuple[str, Mapping[str, str]]]
) -> dict[str, str]:
    """What the session's providers say of the options that were asked of them.

    Raises:
        SuiteError: A provider knows no such option.
    """
    told = session.get_provider_options()
    facts = {}
    for name, settings in requested:
        known = told.get(name, {})
        for key, value in sorted(settings.items()):
            if key not in known and (known or name in _WITHOUT_OPTIONS):
                raise SuiteError(
                    f"execution provider {name} has no option {key!r}",
                    hint=f"its options are: {', '.join(sorted(known)) or 'none'}",
                )
            facts[f"{name}.{key}"] = str(known.get(key, f"{value} (not confirmed)"))
    return facts


def _providers(options: Options) -> list[tuple[str, dict[str, Any]]]:
    given = options.items("providers") or ["CPUExecutionProvider"]
    parsed = [_provider(item) for item in given]
    if None in parsed:
        expected = 'names, or ["<name>", { <option> = <value> }]'
        raise options.wrong("providers", given, f"a list of {expected}")
    return [item for item in parsed if item is not None]


def _provider(item: object) -> tuple[str, dict[str, Any]] | None:
    match item:
        case str(name):
            return name, {}
        case [str(name), dict(settings)]:
            return name, {str(key): str(value) for key, value in settings.items()}
        case _:
            return None


def _level(name: str) -> Any:
    # The layout level is younger than the oldest onnxruntime that we run on, where
    # "all" includes what it does.
    levels = onnxruntime.GraphOptimizationLevel
    return getattr(levels, _LEVELS[name], levels.ORT_ENABLE_ALL)
