"""The exception tree: what can go wrong, who is at fault, and what to do next.

::

    HarnessError                      the harness could not do its work
      SuiteError                      quality.toml is wrong
      GoldenError                     golden data is wrong
        ManifestError                   the manifest cannot be read
        ChecksumError                   bytes are not those that were recorded
        MissingGoldenError              data or a recording is not there
      BackendError                    a model cannot be run
        UnsupportedFormatError          no backend knows this form
        MissingDependencyError          the runtime is not installed
        ModelLoadError                  the runtime refuses the file
        InferenceError                  the runtime fails on a batch
        WorkerCrashed                   the process that runs a model died
          WorkerOutOfMemory               it held more memory than it was allowed
        WorkerTimeout                   it took longer than it was allowed
      UnsafeModelError                a model file asks for what was not allowed
      ComparisonError                 two sets of outputs cannot be held together
        ShapeMismatchError
        OutputNameError
      ReportError                     a saved result cannot be read or rendered

    QualityRegression(AssertionError) the model failed, not the harness

Every message says what failed, with the values found, and where (file and key, or
node); ``hint`` is one next step. Printed, an error reads ``message`` then
``Hint: hint``.
"""

from __future__ import annotations


class HarnessError(Exception):
    """Base of all errors of the harness.

    Args:
        message: What failed, with the values found, and where.
        hint: One next step for the reader.
    """

    def __init__(self, message: str, *, hint: str) -> None:
        # Both travel in `args`, so that the error survives pickling between
        # processes (xdist workers, process pools).
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.message, self.hint))

    def __str__(self) -> str:
        return f"{self.message}\nHint: {self.hint}"


def _rebuild(kind: type[HarnessError], message: str, hint: str) -> HarnessError:
    return kind(message, hint=hint)


class SuiteError(HarnessError):
    """quality.toml is wrong: names file, key, what was found, what is allowed."""


class GoldenError(HarnessError):
    """Golden data is wrong."""


class ManifestError(GoldenError):
    """A golden manifest cannot be read or does not describe its data."""


class ChecksumError(GoldenError):
    """Bytes on disk are not those that the manifest recorded."""


class MissingGoldenError(GoldenError):
    """Golden data or a recording that is needed is not there."""


class BackendError(HarnessError):
    """A model cannot be run."""


class UnsupportedFormatError(BackendError):
    """No backend knows this form of model."""


class MissingDependencyError(BackendError):
    """The runtime that this form needs is not installed."""


class ModelLoadError(BackendError):
    """The runtime refuses the model file."""


class InferenceError(BackendError):
    """The runtime fails on a batch."""


class WorkerCrashed(BackendError):
    """The process that runs a model died: a signal, an exit, a broken reply."""


class WorkerOutOfMemory(WorkerCrashed):
    """The process that runs a model held more memory than it was allowed."""


class WorkerTimeout(BackendError):
    """The process that runs a model took longer than it was allowed."""


class UnsafeModelError(HarnessError):
    """A model file asks for something that the suite did not allow by name."""


class ComparisonError(HarnessError):
    """Two sets of outputs cannot be held against each other."""


class ShapeMismatchError(ComparisonError):
    """Reference and candidate answer with different shapes."""


class OutputNameError(ComparisonError):
    """Outputs of reference and candidate cannot be paired."""


class ReportError(HarnessError):
    """A saved result cannot be read, written or rendered."""


class QualityRegression(AssertionError):
    """The candidate model failed its gate; the harness itself worked."""
