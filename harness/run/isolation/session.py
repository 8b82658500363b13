"""A session whose model lives in a process of its own."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from harness.core.codec import from_json, to_json
from harness.core.errors import HarnessError, InferenceError, MissingDependencyError
from harness.core.protocols import TensorSpec
from harness.run.isolation.blocks import Slot, read_arrays, write_arrays
from harness.run.isolation.process import Process

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from harness.core.protocols import Array, Arrays, Runtime
    from harness.core.registry import LazyEntry
    from harness.run.isolation.launch import Launch


# A window is prepared while another is answered.
_TURNS = 2


def start(
    launch: Launch,
    backend: tuple[str, LazyEntry],
    model: Path,
    options: Mapping[str, object],
) -> Starting:
    """Start a variant's process and have it open the model; returns at once.

    Args:
        launch: How the process is started.
        backend: Name and place of the backend.
        model: Model file or folder.
        options: For the backend.

    Raises:
        SuiteError: This system cannot do what `launch` asks.
        MissingDependencyError: The interpreter cannot be started.
    """
    name, entry = backend
    process = Process(launch)
    # Our own Python imports what we can import; another one has its own packages.
    sys_path = None if launch.interpreter else sys.path
    asked = {
        "backend": name,
        "entry": to_json(entry),
        "model": str(model),
        "options": dict(options),
        "sys_path": sys_path,
    }
    process.ask({"open": asked})
    return Starting(process, launch)


class Starting:
    """A process that is opening its model.

    Args:
        process: Asked to open it.
        launch: How it was started.
    """

    def __init__(self, process: Process, launch: Launch) -> None:
        self._process = process
        self._launch = launch

    def session(self) -> IsolatedSession:
        """Wait until the model is open.

        Raises:
            HarnessError: As the backend raises; the process is gone.
            WorkerCrashed: It died.
            WorkerTimeout: It took too long.
        """
        try:
            facts = self._process.reply()
            return IsolatedSession(self._process, self._launch, facts)
        except MissingDependencyError as error:
            self.close()
            raise self._there(error) from error
        except HarnessError:
            self.close()
            raise

    def close(self) -> None:
        """End the process; a second call does nothing."""
        self._process.close()

    def _there(self, error: MissingDependencyError) -> MissingDependencyError:
        """In another environment, the command that installs is another."""
        python = self._launch.interpreter
        if python is None:
            return error
        return MissingDependencyError(
            f"in the environment of {python}: {error.message}",
            hint=f"install the runtime there: {python} -m pip install ...",
        )


class IsolatedSession:
    """A model in a process of its own; see `harness.core.protocols.WindowSession`.

    Args:
        process: That has opened it.
        launch: How the process was started.
        facts: What it told of the model.
    """

    def __init__(
        self, process: Process, launch: Launch, facts: Mapping[str, Any]
    ) -> None:
        self._process = process
        self._launch = launch
        self._learn(facts)
        self._closed = False
        self._begun = self._collected = 0

    def arrange(
        self,
        inputs: Mapping[str, int | str],
        outputs: Mapping[str, int | str],
        batch_size: int | None,
    ) -> None:
        """Take and give samples first; see `harness.run.axes`.

        Raises:
            WorkerCrashed: The process died.
        """
        places = {"inputs": dict(inputs), "outputs": dict(outputs)}
        self._process.ask({"axes": {**places, "batch_size": batch_size}})
        self._learn(self._process.reply())

    def run(self, feeds: Arrays, rows: slice) -> dict[str, Array]:
        """Answer one batch.

        Raises:
            InferenceError: The runtime fails on it.
            WorkerCrashed: The process died.
            WorkerTimeout: It took too long.
        """
        self._ask(feeds, rows, None)
        return self.collect()[0]

    def begin(self, feeds: Arrays, rows: slice, step: int) -> None:
        """Set out on a window; returns before it is answered.

        Raises:
            InferenceError: A feed is no array, or of a dtype that cannot be handed
                over.
        """
        self._ask(feeds, rows, step)

    def collect(self) -> tuple[dict[str, Array], float]:
        """Wait for the window: its answers, and the seconds that the model took.

        Raises:
            InferenceError: The runtime fails, or answers in another form than asked.
            WorkerCrashed: The process died.
            WorkerTimeout: A batch took too long.
        """
        turn = self._collected % _TURNS
        self._collected += 1
        reply = self._process.reply()
        try:
            slots = from_json(tuple[Slot, ...], reply["answers"])
            answers = read_arrays(self._process.answers[turn], slots, owned=True)
            return answers, float(reply["seconds"])
        except (HarnessError, KeyError, TypeError, ValueError) as error:
            raise self._process.broken(error) from error

    def close(self) -> None:
        """End the process; a second call does nothing."""
        self._closed = True
        self._process.close()

    def _learn(self, facts: Mapping[str, Any]) -> None:
        specs = tuple[TensorSpec, ...]
        try:
            self.inputs = from_json(specs, facts["inputs"])
            self.outputs = from_json(specs, facts["outputs"])
            self.batch_size: int | None = facts["batch_size"]
            place = _place(self._launch, facts)
            self.runtime: Runtime = {**facts["runtime"], **place}
        except (HarnessError, KeyError, TypeError) as error:
            raise self._process.broken(error) from error

    def _ask(self, feeds: Arrays, rows: slice, step: int | None) -> None:
        if self._closed:
            raise InferenceError("the session is closed", hint="open the model again")
        turn = self._begun % _TURNS
        slots = write_arrays(self._process.feeds[turn], feeds, "input")
        self._begun += 1
        window = {
            "turn": turn,
            "feeds": to_json(slots),
            "rows": [rows.start, rows.stop],
            "step": step,
        }
        self._process.ask(window, rows, step)


def _place(launch: Launch, facts: Mapping[str, Any]) -> dict[str, str | int | None]:
    """What tells this run from one in our own process."""
    place: dict[str, str | int | None] = {"isolation": "process"}
    if launch.interpreter is not None:
        place |= {"python": facts["python"], "numpy": facts["numpy"]}
    return place | {f"env.{name}": value for name, value in sorted(launch.env.items())}
