"""Tasks as values: what a network learns, with its loss, scores and metrics; loops and rules know `Task` alone.

* RecordingClass is one class for each recording, the default.
* StepClass is one class for each step; steps without a label do not count.
* RecordingRegression is numbers for each recording, StepRegression for each step.
* Heads has a task for each head of a network.
"""

from snnsim.learning.tasks.heads import Heads
from snnsim.learning.tasks.protocols import Task
from snnsim.learning.tasks.recording_class import RecordingClass, as_task
from snnsim.learning.tasks.regression import RecordingRegression, StepRegression
from snnsim.learning.tasks.step_class import StepClass

__all__ = ["Heads", "RecordingClass", "RecordingRegression", "StepClass", "StepRegression", "Task", "as_task"]
