"""A training along a curriculum: a killed one goes on to the same result, with any learner."""

import numpy as np
import pytest
import torch

from snnsim.learning.curricula import Curriculum
from snnsim.training.curriculum import follow


class Counting:
    """A learner whose parameter moves at random; a level passes when the parameter is above it."""

    def __init__(self, killed=None):
        self.value, self.killed, self.calls = torch.zeros(1), killed, 0

    def train(self, levels, epoch):  # noqa: ARG002
        self.calls += 1
        if epoch == self.killed:
            raise KeyboardInterrupt
        self.value = self.value + float(np.random.default_rng(epoch).random())
        return {"value": float(self.value)}

    def accuracy(self, levels, epoch):  # noqa: ARG002
        return {level: float(self.value > level) for level in levels}

    def state_dict(self):
        return {"network": {"value": self.value}}

    def load_state_dict(self, state):
        self.value = state["network"]["value"]


def course(learner, path, *, epochs=8, seed=0, passed=None):
    curriculum = Curriculum("multi", first=1)
    return follow(learner, curriculum, epochs=epochs, path=path, description={"seed": seed}, passed=passed)


def test_a_killed_curriculum_goes_on_to_the_same_result(tmp_path):
    uninterrupted = course(Counting(), tmp_path / "whole.pt")
    assert uninterrupted.progress.passed >= 2
    for killed in (1, 2, 6):
        path = tmp_path / f"killed-{killed}.pt"
        with pytest.raises(KeyboardInterrupt):
            course(Counting(killed), path)
        resumed = Counting()
        assert course(resumed, path) == uninterrupted
        assert resumed.calls == 8 - killed + 1


def test_more_epochs_go_on_and_a_complete_course_does_nothing(tmp_path):
    short = course(Counting(), tmp_path / "a.pt", epochs=3)
    learner = Counting()
    assert course(learner, tmp_path / "a.pt", epochs=3) == short
    assert learner.calls == 0
    assert course(learner, tmp_path / "a.pt", epochs=8) == course(Counting(), tmp_path / "b.pt")


def test_levels_are_reported_when_they_pass(tmp_path):
    levels = []
    result = course(Counting(), tmp_path / "a.pt", passed=levels.append)
    assert levels == list(range(1, result.progress.passed + 1))


def test_another_training_is_refused(tmp_path):
    course(Counting(), tmp_path / "a.pt", epochs=1)
    with pytest.raises(ValueError, match="seed is 0 in the checkpoint, 1 in the config"):
        course(Counting(), tmp_path / "a.pt", seed=1)
