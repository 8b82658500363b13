"""Which golden array goes into which model input."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.core.errors import SuiteError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.core.protocols import TensorSpec


def bind_inputs(
    golden: Sequence[TensorSpec],
    model: Sequence[TensorSpec],
    declared: Mapping[str, str],
    variant: str,
) -> dict[str, str]:
    """Pair golden arrays with a model's inputs: as declared, else by name.

    A single golden array meets a single model input whatever their names.

    Args:
        golden: What the golden data holds.
        model: What the model takes.
        declared: Golden input name -> model input name, from the suite.
        variant: Name of the variant, for messages.

    Returns:
        Golden input name -> model input name, one for every model input.

    Raises:
        SuiteError: A declared name does not exist, two arrays feed one input, or a
            model input is left over.
    """
    golden_names = [spec.name for spec in golden]
    model_names = [spec.name for spec in model]
    where = f"variant {variant!r}, inputs"
    _check_declared(declared, golden_names, model_names, where)
    bound = dict(declared)
    for name in golden_names:
        if name in model_names and name not in {*bound, *bound.values()}:
            bound[name] = name
    if not bound and len(golden_names) == len(model_names) == 1:
        return {golden_names[0]: model_names[0]}
    if unfed := [n for n in model_names if n not in set(bound.values())]:
        raise SuiteError(
            f"{where}: nothing feeds model input {unfed[0]!r};"
            f" golden data has {', '.join(golden_names) or 'no inputs'}",
            hint=f'declare inputs = {{ <golden name> = "{unfed[0]}" }} in the variant',
        )
    return bound


def _check_declared(
    declared: Mapping[str, str],
    golden_names: list[str],
    model_names: list[str],
    where: str,
) -> None:
    for source, target in declared.items():
        _known(source, golden_names, f"{where}: golden data has no input")
        _known(target, model_names, f"{where}: the model has no input")
    targets = list(declared.values())
    for target in targets:
        if targets.count(target) > 1:
            raise SuiteError(
                f"{where}: several golden arrays feed model input {target!r}",
                hint="name each model input once",
            )


def _known(name: str, names: list[str], message: str) -> None:
    if name not in names:
        raise SuiteError(
            f"{message} {name!r}",
            hint=f"known names are {', '.join(names) or 'none'}",
        )
