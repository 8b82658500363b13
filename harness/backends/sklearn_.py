"""scikit-learn estimators: skops archives, and pickles where the suite allows them."""

from __future__ import annotations

import warnings
from contextlib import nullcontext
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

import sklearn
from threadpoolctl import ThreadpoolController

from harness.backends.forms.look import Look
from harness.backends.forms.sklearn_forms import FORMS
from harness.backends.options import Options
from harness.backends.parts import reading
from harness.backends.sessions import (
    LiveSession,
    LoadedModel,
    batch_error,
    load_failure,
    require_file,
)
from harness.backends.sklearn_answers import COLUMNS, Estimator
from harness.core.archives import open_archive, read_entry
from harness.core.errors import HarnessError, ModelLoadError, UnsafeModelError
from harness.formats.json_text import parse_json
from harness.formats.malformed import OutOfBounds

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from harness.core.protocols import Array, Arrays

_ALLOWED = frozenset({"allow_pickle", "num_threads", "trusted"})
_ERRORS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
_SHOWN = 5
_MAX_SCHEMA = 256 << 20


def open_session(path: Path, options: Mapping[str, object]) -> LiveSession:
    """Open a fitted estimator or pipeline; it is fed "X", (samples, features).

    A classifier answers with "probabilities", (samples, classes), or with the
    "scores" of its decision function where it has none, and with "label"; a regressor
    with "prediction"; what only transforms, with "transformed". Real numbers are told
    as float64.

    Args:
        path: A ``.skops`` archive, or a pickle or joblib file.
        options: ``trusted``: names of types that a skops archive may hold besides
            scikit-learn's, numpy's and scipy's own. ``allow_pickle`` (false): whether
            a pickle may be loaded, which runs whatever code it holds. ``num_threads``
            (1; 0 leaves it to the libraries) of BLAS and OpenMP.

    Raises:
        SuiteError: An option is unknown or has a wrong value.
        ModelLoadError: The file is missing, broken, or holds no fitted estimator.
        UnsafeModelError: It holds types that are not trusted, or is a pickle that
            the suite does not allow.
    """
    request = Options("sklearn", options, _ALLOWED)
    threads = request.count("num_threads", 1)
    trusted = request.names("trusted")
    allow_pickle = request.get("allow_pickle", bool, default=False)
    require_file(path)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            model, facts = _loaded(path, trusted, allow_pickle=allow_pickle)
        except HarnessError:
            raise
        except Exception as error:
            raise load_failure("sklearn", path, error) from error
    if not hasattr(model, "get_params"):
        raise ModelLoadError(
            f"{path} holds a {type(model).__name__}, no scikit-learn estimator",
            hint="save the fitted estimator or pipeline itself",
        )
    estimator = Estimator(model, path)
    return LiveSession(
        LoadedModel(
            inputs=estimator.inputs,
            outputs=estimator.outputs,
            runtime={
                "backend": "sklearn",
                "version": sklearn.__version__,
                "estimator": type(model).__name__,
                "num_threads": threads,
                **facts,
                # Another version's estimator, most of all.
                **({"warnings": _one_line(told)} if told else {}),
            },
            call=partial(_answer, estimator, _limits(threads)),
            errors=_ERRORS,
            translate=lambda error: batch_error("sklearn", str(path), error),
            also={spec.name: COLUMNS for spec in estimator.inputs},
        )
    )


def _limits(threads: int) -> Callable[[], AbstractContextManager[Any]]:
    """A context that holds the libraries loaded by now to so many threads."""
    if not threads:
        return nullcontext
    return partial(ThreadpoolController().limit, limits=threads)


def _answer(
    estimator: Estimator,
    limits: Callable[[], AbstractContextManager[Any]],
    feeds: Arrays,
) -> dict[str, Array]:
    with limits():
        return estimator(feeds)


def _loaded(
    path: Path, trusted: Collection[str], *, allow_pickle: bool
) -> tuple[Any, dict[str, str]]:
    look = Look(path)
    names = [form.name for form in FORMS if form.recognise(look)]
    if "skops" in names:
        return _from_skops(path, trusted), {"form": "skops"}
    pickled = "pickle" in names or look.suffix in _suffixes("pickle")
    if pickled and allow_pickle:
        import joblib

        notice = "loaded from a pickle, which runs whatever code it holds"
        return joblib.load(path), {"form": "pickle", "safety": notice}
    if pickled:
        raise UnsafeModelError(
            f"{path} is a pickle, which can run any code when it is loaded",
            hint="save the estimator with skops.io.dump; or, where you trust the file,"
            " say options = { allow_pickle = true } in the variant",
        )
    raise ModelLoadError(
        look.damage or f"{path} is neither a skops archive nor a pickle",
        hint="save the estimator again with skops.io.dump",
    )


def _suffixes(name: str) -> tuple[str, ...]:
    return next(form.suffixes for form in FORMS if form.name == name)


def _from_skops(path: Path, trusted: Collection[str]) -> Any:
    import skops.io

    with reading(path, "skops archive"), open_archive(path) as archive:
        # Its bounds hold; skops itself sets none.
        if (schema := read_entry(archive, "schema.json", _MAX_SCHEMA)) is None:
            raise OutOfBounds(f"its schema is larger than {_MAX_SCHEMA >> 20} MiB")
        parse_json(schema, "its schema")
    found = skops.io.get_untrusted_types(file=path)
    foreign = [name for name in sorted(found) if name not in trusted]
    if unknown := [name for name in foreign if not _is_sklearn_type(name)]:
        shown = ", ".join(unknown[:_SHOWN]) + (", ..." if unknown[_SHOWN:] else "")
        listed = ", ".join(f'"{name}"' for name in unknown[:_SHOWN])
        raise UnsafeModelError(
            f"{path} holds types that are not scikit-learn's own: {shown}",
            hint="where you trust them, say options = { trusted ="
            f" [{listed}] }} in the variant",
        )
    return skops.io.load(path, trusted=found)


def _is_sklearn_type(name: str) -> bool:
    """Whether it is a class of scikit-learn's; its functions may do anything."""
    module, _, attribute = name.rpartition(".")
    if module.partition(".")[0] != "sklearn":
        return False
    try:
        return isinstance(getattr(import_module(module), attribute, None), type)
    except ImportError:
        return False


def _one_line(told: list[warnings.WarningMessage]) -> str:
    texts = dict.fromkeys(" ".join(str(item.message).split()) for item in told)
    return "; ".join(texts)
