"""Functions of the user's that a suite names: they make what a file leaves out."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from harness.core.errors import ModelLoadError, SuiteError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_FORM = '"package.module:function"'


def made_by(name: str, arguments: Mapping[str, object] | None = None) -> Any:
    """What the function of that name gives.

    Args:
        name: ``package.module:function``, where Python can import it.
        arguments: It is called with, by name; none by default.

    Raises:
        SuiteError: There is no such function.
        ModelLoadError: It fails.
    """
    factory = _function(name)
    given = arguments or {}
    try:
        return factory(**given)
    except Exception as error:
        shown = ", ".join(f"{key} = {value!r}" for key, value in given.items())
        raise ModelLoadError(
            f"factory {name!r} fails on {shown or 'no argument'}: {_one_line(error)}",
            hint="call it in Python; it must make the model of just these arguments",
        ) from error


def imported(name: str) -> None:
    """Import a module that a suite names, for what that registers.

    Raises:
        SuiteError: It cannot be imported.
    """
    try:
        import_module(name)
    except Exception as error:
        raise SuiteError(
            f"module {name!r} cannot be imported: {_one_line(error)}",
            hint="install its package, or put its folder on PYTHONPATH",
        ) from error


def _function(name: str) -> Callable[..., Any]:
    module_name, _, attribute = name.partition(":")
    if not module_name or not attribute:
        raise SuiteError(
            f"factory {name!r} names no function", hint=f"factory takes {_FORM}"
        )
    try:
        module = import_module(module_name)
    except Exception as error:
        raise SuiteError(
            f"factory {name!r} cannot be imported: {_one_line(error)}",
            hint="install its package, or put its folder on PYTHONPATH",
        ) from error
    factory: Callable[..., Any] | None = getattr(module, attribute, None)
    if not callable(factory):
        raise SuiteError(
            f"factory {name!r}: module {module_name} has no function {attribute!r}",
            hint=f"factory takes {_FORM}",
        )
    return factory


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
