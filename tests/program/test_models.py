"""The tables of neuron models: consistent with Population, files, fixed point and the simulator, for every model."""

from dataclasses import fields, replace

import numpy as np
import pytest

from snnsim.program import MODELS, FixedPoint, Population, Program
from snnsim.program.models import ARRAYS, LARGEST, PARAMETERS, array_in_file, model_in_file, model_of_file
from snnsim.program.storage import CONVOLUTIONS, FURTHER_READOUTS, OTHER_TASKS, VERSION
from snnsim.simulation import Events, simulate
from snnsim.simulation.lowering import RESETS

# simulation/test_graded_programs.py has the others, whose decay must be 1
SPIKING = [name for name, model in MODELS.items() if not model.graded]


def neurons(model, **changes):
    """Return two neurons of a model; every parameter is 0.5 or 0.75."""
    names = (*ARRAYS, *MODELS[model].parameters)
    return Population("a", model, **(dict.fromkeys(names, np.array([0.5, 0.75])) | changes))


def alone(population, **settings):
    return Program(1, (population,), (), 1.0, **settings)


def test_parameters_are_the_arrays_of_a_population():
    assert [field.name for field in fields(Population)] == ["name", "model", *PARAMETERS]
    assert tuple(PARAMETERS)[: len(ARRAYS)] == ARRAYS
    assert all(set(model.parameters) <= set(PARAMETERS) - set(ARRAYS) for model in MODELS.values())


def test_names_in_files_are_unique():
    assert len({array_in_file(name) for name in PARAMETERS}) == len(PARAMETERS)
    assert [model_of_file(model_in_file(model)) for model in MODELS] == list(MODELS)
    assert model_in_file("unknown") == model_of_file("unknown") == "unknown"


def test_the_version_of_files_is_that_of_the_newest_part():
    assert max(CONVOLUTIONS, OTHER_TASKS, FURTHER_READOUTS, *(model.version for model in MODELS.values())) == VERSION
    assert {model.reset for model in MODELS.values()} == set(RESETS)


@pytest.mark.parametrize("model", MODELS)
def test_a_model_has_its_parameters_and_no_others(model):
    for name in PARAMETERS:
        if name in ARRAYS:
            continue
        with pytest.raises(ValueError, match=f"population 'a': the model '{model}' must have the arrays"):
            replace(neurons(model), **{name: None if name in MODELS[model].parameters else np.ones(2)})


@pytest.mark.parametrize("model", SPIKING)
def test_a_program_of_a_model_is_saved_and_simulated(tmp_path, model):
    program = alone(neurons(model))
    program.save(tmp_path / "a.snn")
    assert Program.load(tmp_path / "a.snn").same_as(program)
    result = simulate(program, Events.from_frames(np.zeros((3, 1, 1))))
    # a bias of the threshold fires in every step, unless a second variable keeps the membrane below it
    if MODELS[model].second is None:
        assert result.counts("a").tolist() == [[3 * program.populations[0].fires] * 2]


@pytest.mark.parametrize("model", SPIKING)
def test_only_fixed_point_models_take_integers(model):
    names = (*ARRAYS, *MODELS[model].parameters)
    arrays = {name: np.array([1, 2]) for name in names if PARAMETERS[name].integer}
    population, fixed = neurons(model, **arrays), FixedPoint(8, 4, 0, 8, 4)
    assert {getattr(population, name).dtype.kind for name in arrays} == {"i"}
    assert {getattr(population, name).dtype.kind for name in population.array_names if name not in arrays} == {"f"}
    if MODELS[model].fixed_point:
        assert alone(population, fixed=fixed).fixed == fixed
    else:
        with pytest.raises(ValueError, match=f"population 'a': the model '{model}' has no integer arithmetic"):
            alone(population, fixed=fixed)


@pytest.mark.parametrize(
    ("parameter", "value", "message"),
    [
        ("threshold", 0.0, "threshold must be positive"),
        ("scale", -1.0, "scale must be positive"),
        ("bias", 2 * LARGEST, r"bias must be within ± 1e\+30"),
        ("reset_value", -2 * LARGEST, r"reset_value must be within ± 1e\+30"),
        ("width", -0.5, "width must be 0 or more"),
        ("decay", np.nan, "decay must be finite"),
    ],
)
def test_parameters_out_of_their_range_are_named(parameter, value, message):
    with pytest.raises(ValueError, match=f"population 'a': {message}"):
        neurons("noisy_soft", **{parameter: np.array([1.0, value])})
