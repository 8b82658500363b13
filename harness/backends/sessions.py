"""The session that every live backend gives: checked feeds, translated errors."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn, Self

from harness.backends.admission import refuse_no_model
from harness.backends.feeds import FeedCheck, fixed_batch
from harness.backends.forms.look import Look
from harness.core.errors import InferenceError, ModelLoadError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from harness.core.protocols import Array, Arrays, Runtime, TensorSpec


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """What a runtime gives us of one model.

    Attributes:
        inputs: As `Session.inputs`.
        outputs: As `Session.outputs`.
        runtime: As `Session.runtime`.
        call: Answers checked feeds with arrays that it keeps no hold of.
        errors: What `call` may raise for a batch.
        translate: Those errors in our words.
        also: Input name -> further dtype names that `call` converts itself.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    runtime: Runtime
    call: Callable[[Arrays], dict[str, Array]]
    errors: tuple[type[Exception], ...]
    translate: Callable[[Exception], InferenceError]
    also: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class LiveSession:
    """A loaded model; see `harness.core.protocols.Session`.

    Args:
        model: What the runtime gives.
    """

    def __init__(self, model: LoadedModel) -> None:
        self.inputs = model.inputs
        self.outputs = model.outputs
        self.runtime = model.runtime
        self.batch_size = fixed_batch(model.inputs)
        self._check = FeedCheck(model.inputs, model.also)
        self._call = model.call
        self._errors = model.errors
        self._translate = model.translate

    def run(self, feeds: Arrays, rows: slice) -> dict[str, Array]:  # noqa: ARG002 - a live model answers what it is fed
        """Answer one batch; the arrays own their memory, no run reuses it.

        Raises:
            InferenceError: A feed is not what the model declares, the runtime fails,
                or the session is closed.
        """
        self._check(feeds)
        try:
            return self._call(feeds)
        except self._errors as error:
            raise self._translate(error) from error

    def close(self) -> None:
        """Free the model; a second call does nothing."""
        self._call, self._errors = _closed, ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def require_file(path: Path) -> None:
    """Raise what a runtime would say less clearly of a path that is no model's file.

    Raises:
        ModelLoadError: It does not exist, is a folder, or cannot be read.
        UnsupportedFormatError: It is a pipe or device, empty, or a Git LFS pointer.
        UnsafeModelError: It, or the archive that it is, is out of all bounds.
    """
    look = Look(path)
    if look.is_folder:
        raise ModelLoadError(
            f"model {path} is a folder, where a file is needed",
            hint="name the model's file",
        )
    if not path.exists():
        raise ModelLoadError(
            f"model file {path} does not exist", hint="check the variant's path"
        )
    try:
        refuse_no_model(look)
        # The bounds of an archive are checked where its entries are listed.
        _ = look.names
    except OSError as error:
        raise ModelLoadError(
            f"cannot read model {path}: {error.strerror or error}",
            hint="check the file, and who may read it",
        ) from error


def load_failure(backend: str, path: Path, error: Exception) -> ModelLoadError:
    """A runtime's refusal of a file, in one line."""
    text = " ".join(str(error).split()) or type(error).__name__
    return ModelLoadError(
        f"{path}: {backend} refuses the model: {text}",
        hint="the file may be cut short or of another version; copy or export it again",
    )


def batch_error(backend: str, where: str, error: Exception) -> InferenceError:
    """A runtime's failure on a batch, in one line."""
    text = " ".join(str(error).split()) or type(error).__name__
    return InferenceError(
        f"{where}: {backend} fails on a batch: {text}",
        hint="feed one sample alone to find the one that it refuses",
    )


def _closed(feeds: Arrays) -> NoReturn:  # noqa: ARG001 - stands in for a model's call
    raise InferenceError("the session is closed", hint="open the model again")
