"""Notes about targets whose numbers are far from those that a readout learns."""

import numpy as np
import pytest

from snnsim.config import Config
from snnsim.data.targets import Target
from snnsim.experiment import tasks

STEPS = np.linspace(-1.0, 1.0, 9)
CONFIG = Config().with_values({"task": "regression"})


@pytest.mark.parametrize(("scale", "offset", "noted"), [(1, 0, False), (5, 3, False), (400, 0, True), (1, 20, True),
                                                       (0.01, 0, True), (0, 0, False)])  # fmt: skip
def test_numbers_far_from_one_are_noted(scale, offset, noted):
    target = Target.of(np.stack([STEPS * scale + offset, STEPS], 1), ("force", "angle"))
    notes = tasks.scale_notes(CONFIG, {"target": target})
    assert len(notes) == noted
    assert all("'force' of the target 'target'" in note and f"{offset:.3g} with" in note for note in notes)


def test_missing_numbers_and_classes_do_not_count():
    values = np.where(STEPS > 0.5, np.nan, STEPS)[:, None]
    assert tasks.scale_notes(CONFIG, {"target": Target.of(values), "other": Target.of(STEPS * 1e6)}) == []
    assert tasks.scale_notes(CONFIG, {"target": Target.of(np.full((3, 1), np.nan))}) == []
    classes = Target.of(np.arange(9) * 100, step_ms=None)
    assert tasks.scale_notes(Config().with_values({"task.target": "target"}), {"target": classes}) == []
