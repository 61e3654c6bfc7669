"""The benchmark of two trees in turns, in a small form."""

import pytest

pytest.importorskip("spikingjelly")
pytest.importorskip("DCLS")


@pytest.fixture
def before(bench_script):
    return bench_script("before")


def test_two_trees_are_compared_in_turns(before):
    assert before.case("steps=25").steps == 25
    assert before.case("windows=60").config.training.window_ms == before.WINDOW_MS
    assert before.case("wide=8").config.training.batch_size == 8
    seconds = {"after": 0.5, "before": 1.0, "baseline": 2.0}
    rows = before.shown([{"case": "batch=1", "allocator": "system", "seconds": seconds}])
    assert [word for word in rows.splitlines()[-1].split() if "." in word][-2:] == ["2.00", "4.00"]


def test_a_side_answers_with_the_seconds_of_a_step(before, monkeypatch, capsys):
    steps = []

    class Training:
        def __init__(self, name, case):
            self.name, self.case = name, case

        def step(self, batch):
            steps.append((self.name, len(batch.frames)))

    monkeypatch.setattr(before.train_step, "Training", Training)
    monkeypatch.setattr(before.sys, "stdin", ["steps=25\n", "steps=25\n", "whole=60\n"])
    before.answer("snnsim")
    # the first step of a case is not counted
    assert steps == [("snnsim", 25)] * 3 + [("snnsim", 60)] * 2
    assert len(capsys.readouterr().out.split()) == 3
