"""Names that several packages share: every table has the same ones, in the same order where numbers stand for them."""

import re
from pathlib import Path

import pytest

from snnsim import choices, export, program, surrogate
from snnsim.config import Network, Training
from snnsim.kernels.neuron import surrogate_slopes
from snnsim.learning import decisions
from snnsim.simulation import decisions as simulated_decisions

PACKAGE = Path(export.__file__).parents[1]


def test_every_table_has_the_decisions():
    assert program.DECISIONS == choices.DECISIONS
    assert tuple(decisions.DECISIONS) == tuple(simulated_decisions.SCORES) == choices.DECISIONS
    assert set(choices.ADDITIVE_DECISIONS) < set(choices.DECISIONS)


def test_the_c_runtime_numbers_decisions_from_one():
    header = (PACKAGE / "export" / "c_runtime" / "snn.h").read_text(encoding="utf-8")
    number = {name.lower(): int(value) for name, value in re.findall(r"#define SNN_(\w+) (\d+)$", header, re.MULTILINE)}
    assert {name: number[name] for name in choices.DECISIONS} == {
        name: index for index, name in enumerate(choices.DECISIONS, 1)
    }


def test_every_table_has_the_surrogates():
    assert tuple(surrogate._SHAPES) == surrogate.NAMES == choices.SURROGATES
    assert {name: index for index, name in enumerate(choices.SURROGATES)} == surrogate_slopes.CODES


def test_gpu_kernels_have_a_branch_for_every_surrogate():
    source = (PACKAGE / "kernels" / "neuron" / "gpu_kernels.py").read_text(encoding="utf-8")
    assert tuple(re.findall(r'SURROGATE == "(\w+)"', source)) == choices.SURROGATES


@pytest.mark.parametrize("baseline", ["with_spikingjelly", "with_snntorch"])
def test_baselines_know_no_other_surrogates(baseline):
    source = (PACKAGE / "bench" / f"{baseline}.py").read_text(encoding="utf-8")
    table = re.search(r"^SURROGATES.*?^}", source, re.MULTILINE | re.DOTALL)
    assert set(re.findall(r'^    "(\w+)":', table.group(0), re.MULTILINE)) <= set(choices.SURROGATES)


@pytest.mark.parametrize(
    ("section", "key", "names"),
    [(Network, "surrogate", choices.SURROGATES), (Training, "decision", choices.DECISIONS)],
)
def test_configs_take_exactly_these_names(section, key, names):
    for name in names:
        assert getattr(section(**{key: name}), key) == name
    with pytest.raises(ValueError, match=f"{key} must be one of {', '.join(names)}, not 'other'"):
        section(**{key: "other"})
