"""Tasks by name; each is imported when it is first asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.comparison.tasks.foreign import ForeignTask
from harness.core.entry_points import offered
from harness.core.registry import LazyEntry, Registry
from harness.core.specs import TASKS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.comparison.tasks.protocol import Task, TaskFactory

GROUP = "harness.tasks"
_CLASSES = {
    "binary": "multilabel:BinaryTask",
    "classification": "class_scores:ClassificationTask",
    "detection": "detection:DetectionTask",
    "embedding": "embedding:EmbeddingTask",
    "multilabel": "multilabel:MultilabelTask",
    "regression": "regression:RegressionTask",
    "segmentation": "segmentation:SegmentationTask",
    "sequence": "sequence:SequenceTask",
    "tensor": "tensor:TensorTask",
}
_OURS = {
    name: LazyEntry(f"harness.comparison.tasks.{_CLASSES[name]}") for name in TASKS
}
# A package cannot take a name that suites already mean something by.
_THEIRS, NOTICES = offered(GROUP, "task", _OURS)
TABLE: Registry[TaskFactory] = Registry("task", {**_THEIRS, **_OURS})


def make_task(
    name: str,
    options: Mapping[str, object] | None = None,
    class_names: Sequence[str] | None = None,
) -> Task:
    """A task that has seen nothing.

    Args:
        name: As in ``suite.task``.
        options: ``[task]`` of the suite.
        class_names: Of the golden data; None where it has none.

    Raises:
        KeyError: No task has that name.
        SuiteError: An option is not known, or its value is not allowed.
        MissingDependencyError: Another package's task cannot be imported.
        ComparisonError: Another package's task cannot be made, or is none.
    """
    make = TABLE.get(name)
    if name not in _THEIRS:
        return make(options or {}, class_names)
    whose = _THEIRS[name].distribution
    return ForeignTask(name, whose, make, options or {}, class_names)
