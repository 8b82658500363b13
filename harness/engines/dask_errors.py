"""What a dask cluster does not do, in our words."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from distributed import CancelledError
from distributed.comm import CommClosedError
from distributed.scheduler import KilledWorker

from harness.core.errors import BackendError, WorkerCrashed

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def reaching_the_scheduler() -> Iterator[None]:
    """Translate the errors of a connection that is lost.

    Raises:
        BackendError: It is.
    """
    try:
        yield
    except TimeoutError:
        raise  # of what we wait for
    except (CancelledError, OSError) as error:
        raise _lost() from error


def result_of(future: Any, patience: float) -> Any:
    """What a task found.

    Args:
        future: Of the task.
        patience: Seconds that it may take to bring it here.

    Raises:
        TimeoutError: It takes longer.
        HarnessError: What it raised; a worker's death is a crash.
        BackendError: The scheduler is gone, or lacks our package, or a worker does.
    """
    try:
        return future.result(timeout=patience)
    except (CancelledError, CommClosedError) as error:
        raise _lost() from error
    except KilledWorker as error:
        raise WorkerCrashed(
            f"workers of the cluster die one after another: {error}",
            hint='run with isolation = "process" and --engine local: it names the'
            " variant that crashes",
        ) from error
    except (ImportError, RuntimeError) as error:
        lacking = error.__cause__ or error
        if isinstance(lacking, ImportError):
            raise lacking_packages(lacking) from error
        raise


def lacking_packages(error: BaseException) -> BackendError:
    """What to raise where somebody cannot import what is sent."""
    return BackendError(
        f"the dask cluster lacks what it needs: {error}",
        hint="install the same packages for its scheduler and each worker as where the"
        " command runs",
    )


def _lost() -> BackendError:
    return BackendError(
        "the connection to the dask scheduler is lost, and what its workers found with"
        " it",
        hint="see whether the scheduler still runs, and run again",
    )
