"""Measurements take the same step of every network, in turns, in new processes with the chosen settings."""

import os

import numpy as np
import pytest
import torch

from snnsim import allocator, peak_memory, presets
from snnsim.bench import baselines, compare, isolated, tables, timing, train_step
from snnsim.config import Config, Network, Training
from snnsim.learning import rules

on_linux = pytest.mark.skipif(not peak_memory._SELF.is_dir(), reason="needs /proc")
SURROUNDINGS = isolated.Surroundings(threads=1)


def small_case(**training):
    network = Network(hidden=(8,), max_delay_ms=40.0, extra_ms=20.0, dropout=0.2)
    config = Config(network=network, training=Training(batch_size=3, **training))
    return train_step.Case(config.with_values({"data.name": "motifs", "data.channels": 4}), steps=10)


def test_recordings_of_a_batch_have_random_lengths():
    case = train_step.Case(small_case().config, steps=40)
    batch = case.batch(30)
    assert batch.lengths.max() == 40
    assert 20 <= batch.lengths.min() < 40
    last = [int(frames.any(1).nonzero().max()) for frames in batch.frames.unbind(1)]
    assert all(step < length for step, length in zip(last, batch.lengths.tolist(), strict=True))
    assert len(set(last)) > 5
    assert case.batch().frames.shape == (40, 3, 4)
    assert batch.labels.max() == case.classes - 1 == 9
    with pytest.raises(ValueError, match="at least 2 steps, not 1"):
        train_step.Case(case.config, steps=1)


def test_the_width_is_the_last_one_or_the_chosen_one():
    shd = presets.named("shd")
    assert train_step.with_width(shd, None).network.sigma_start == 0.5
    assert train_step.with_width(shd, 3.0).network.sigma_start == 3.0
    network = baselines.builder(baselines.OURS)(train_step.with_width(shd, 3.0), classes=20)
    assert [float(synapse.sigma) for synapse in network.delayed_synapses()] == [3.0] * 3
    wider = shd.with_values({"network.sigma_end": 2.0})
    assert train_step.with_width(wider, None).network.sigma_start == 2.0
    assert train_step.with_width(presets.named("shd-no-delays"), None) == presets.named("shd-no-delays")
    with pytest.raises(ValueError, match="shd-fixed-delays has no windows with a width"):
        train_step.with_width(presets.named("shd-fixed-delays"), 1.0)


def test_a_step_updates_and_constrains_all_parameters():
    training = train_step.Training(baselines.OURS, small_case(lr_delay=50.0))
    before = {name: value.detach().clone() for name, value in training.network.named_parameters()}
    training.optimizers.members["lr"][0].param_groups[0]["lr"] = 0.1
    training.step(small_case().batch())
    assert all(not torch.equal(value, before[name]) for name, value in training.network.named_parameters())
    # delays took a step of 50, and were brought back
    for synapse in training.network.delayed_synapses():
        assert 0 <= synapse.delay.min() <= synapse.delay.max() <= 4


def test_all_steps_count_for_the_recipe_only():
    steps = {}
    for name in (baselines.OURS, "recipe"):
        pytest.importorskip("DCLS")
        training = train_step.Training(name, small_case())
        training.rule = lambda network, batch, *_, name=name: steps.setdefault(
            name, (batch, rules.bptt(network, batch, *_))
        )
        training.step(small_case().batch())
    lengths = [batch.lengths.tolist() for batch, _ in steps.values()]
    assert min(lengths[0]) < 10
    assert lengths[1] == [10, 10, 10]


def test_candidates_take_turns():
    calls = []
    works = {name: lambda name=name: calls.append(name) for name in "ab"}
    samples = timing.in_turns(works, repeats=3, loops=2)
    # one call each to warm up
    assert "".join(calls) == "ab" + "aabb" * 3
    assert {name: len(taken) for name, taken in samples.items()} == {"a": 3, "b": 3}
    assert all(second >= 0 for taken in samples.values() for second in taken)


def test_a_ratio_is_the_median_over_turns():
    assert timing.ratio([1.0, 2.0, 1.0], [3.0, 4.0, 9.0]) == 3.0


@on_linux
def test_peak_memory_is_the_highest_of_a_call():
    size = 48 * 2**20
    arrays = []

    def work():
        # two arrays at once, then one that stays
        _ = np.full(size, 1, np.uint8) + np.full(size, 1, np.uint8)[:1]
        arrays.append(np.full(size // 2, 1, np.uint8))

    # an earlier peak must not count, nor memory of before
    work()
    peak = peak_memory.peak(work)
    # three arrays at most, the one that stays, and their pages
    assert 2 * size <= peak < 3.5 * size + 2**20
    assert peak_memory.peak(lambda: None) < size / 8


def test_peak_memory_is_none_without_proc(monkeypatch, tmp_path):
    monkeypatch.setattr(peak_memory, "_SELF", tmp_path / "none")
    assert peak_memory.peak(lambda: pytest.fail("worked for nothing")) is None


def process_settings():
    names = (*allocator.VARIABLES, allocator.OPT_OUT)
    return os.getpid(), torch.get_num_threads(), [name for name in names if name in os.environ]


def test_a_new_process_has_the_chosen_settings(monkeypatch):
    monkeypatch.setenv("MALLOC_MMAP_MAX_", "5")
    monkeypatch.setenv("SNNSIM_ALLOCATOR", "system")
    process, threads, variables = isolated.call(process_settings, surroundings=isolated.Surroundings(threads=3))
    assert process != os.getpid()
    assert threads == 3
    assert variables == []
    assert os.environ["MALLOC_MMAP_MAX_"] == "5"


@pytest.mark.parametrize(("choice", "calls"), [("tuned", ["much"]), ("lean", ["little"]), ("system", [])])
def test_the_allocator_is_the_chosen_one(monkeypatch, choice, calls):
    called = []
    monkeypatch.setattr(isolated.allocator, "keep_memory", lambda: called.append("much"))
    monkeypatch.setattr(isolated.allocator, "keep_little", lambda: called.append("little"))
    monkeypatch.setattr(torch, "set_num_threads", lambda _: None)
    isolated._settle(isolated.Surroundings(1, choice))
    assert called == calls


def end():
    os._exit(9)


def test_a_process_that_is_killed_is_an_error():
    with pytest.raises(OSError, match="was killed; if the memory was exhausted, choose a smaller batch"):
        isolated.call(end, surroundings=SURROUNDINGS)


def fail():
    raise ValueError("no such thing")


def test_an_error_of_the_process_is_raised():
    with pytest.raises(ValueError, match="no such thing"):
        isolated.call(fail, surroundings=SURROUNDINGS)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: isolated.Surroundings(0), "threads must be at least 1, not 0"),
        (lambda: isolated.Surroundings(1, "jemalloc"), "allocator must be one of tuned, lean, system, not 'jemalloc'"),
        (lambda: compare.Plan(SURROUNDINGS, repeats=0), "repeats must be at least 1, not 0"),
        (lambda: compare.compare(small_case(), [], compare.Plan(SURROUNDINGS)), "name at least one baseline"),
    ],
)
def test_a_wrong_setting_is_named(make, words):
    with pytest.raises(ValueError, match=words):
        make()


SUMMARY = compare.summary(
    {"snnsim": [1.0, 2.0, 1.0], "spikingjelly": [3.0, 4.0, 9.0], "snntorch": [0.5, 1.0, 2.0]},
    {"snnsim": [2**20], "spikingjelly": [2**21], "snntorch": [None]},
)


def test_a_ratio_above_one_means_that_a_baseline_needs_more():
    assert compare.against(SUMMARY, "spikingjelly") == {
        "step": {"ours_s": 1.0, "peer_s": 4.0, "ratio": 3.0},
        "memory": {"ours_bytes": 2**20, "peer_bytes": 2**21, "ratio": 2.0},
    }
    slower = compare.against(SUMMARY, "snntorch")
    assert slower["step"]["ratio"] == 0.5
    assert slower["memory"]["ratio"] is None


def test_tables_have_aligned_columns():
    assert tables.table(("a", "bb"), [("long", 1), ("s", 23)]) == "a     bb\nlong   1\ns     23"
    assert tables.megabytes(3 * 2**20) == "3"
    assert tables.megabytes(None) == tables.times(None) == "-"
