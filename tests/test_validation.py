import math

import numpy as np
import pandas
import pytest
import torch

from snnsim import export, validation
from snnsim.learning import decisions, losses, rules
from snnsim.nn import delay_windows
from snnsim.program import Population


@pytest.mark.parametrize("value", [3, np.int8(3), np.array(3), torch.tensor(3)])
def test_integers_of_every_library_are_taken(value):
    number = validation.integer(value, who="Layer", name="size", at_least=1)
    assert (number, type(number)) == (3, int)


@pytest.mark.parametrize(
    "value", [3.0, "3", None, True, np.bool_(True), [3], np.zeros(3, int), torch.tensor(3.0), torch.tensor(True)]
)
def test_other_types_than_integers_are_type_errors(value):
    with pytest.raises(TypeError, match="Layer: size must be an integer of at least 1, not"):
        validation.integer(value, who="Layer", name="size", at_least=1)


@pytest.mark.parametrize("value", [0, 2**70])
def test_an_integer_outside_of_its_range_is_a_value_error(value):
    with pytest.raises(ValueError, match=f"Layer: size must be an integer from 1 to 9, not {value}"):
        validation.integer(value, who="Layer", name="size", at_least=1, at_most=9)


@pytest.mark.parametrize("value", [2, 2.0, np.float32(2), torch.tensor(2.0), np.array([2.0])[0]])
def test_real_numbers_of_every_library_are_taken(value):
    number = validation.real(value, who="Layer", name="tau", above=1)
    assert (number, type(number)) == (2.0, float)


@pytest.mark.parametrize("value", ["2", b"2", None, True, [2.0], np.zeros(2), torch.zeros(2), 2j])
def test_other_types_than_real_numbers_are_type_errors(value):
    with pytest.raises(TypeError, match="Layer: tau must be a finite number above 1, not"):
        validation.real(value, who="Layer", name="tau", above=1)


@pytest.mark.parametrize("value", [np.array(True), torch.tensor(True), np.array("2"), np.complex128(2 + 1j)])
def test_an_array_without_axes_that_holds_no_real_number_is_a_type_error(value):
    with pytest.raises(TypeError, match="Layer: tau must be a finite number, not"):
        validation.real(value, who="Layer", name="tau")


@pytest.mark.parametrize("value", [np.array(3), torch.tensor(3), [[3]]])
def test_a_row_of_integers_has_one_axis(value):
    with pytest.raises(ValueError, match="Layer: sizes must be an array of 1 axes, not of shape"):
        validation.integers(value, who="Layer", name="sizes")


def test_rows_without_elements_are_integers_of_any_axes():
    assert validation.integers([], who="Layer", name="sizes").shape == (0,)
    assert validation.integers([[], []], who="Layer", name="sizes", axes=2).shape == (2, 0)
    with pytest.raises(TypeError, match="Layer: sizes must be an array of integers, not"):
        validation.integers([0.0], who="Layer", name="sizes")


@pytest.mark.parametrize("library", [list, np.array, torch.tensor, pandas.Series])
def test_a_row_of_bools_is_a_mask_in_every_library(library):
    chosen = validation.indices(library([True, False, True]), 3, who="Layer", name="neurons")
    np.testing.assert_array_equal(chosen, [0, 2])
    np.testing.assert_array_equal(validation.indices(library([-1, 0]), 3, who="Layer", name="neurons"), [2, 0])
    with pytest.raises(ValueError, match="Layer: neurons must be integers, or 4 bools, not"):
        validation.indices(library([True, False, True]), 4, who="Layer", name="neurons")


@pytest.mark.parametrize("value", [pandas.DataFrame({"a": [1]}), np.ndarray, torch.Tensor])
def test_tables_and_classes_of_arrays_are_shown(value):
    assert validation.shown(value).startswith(f"a {type(value).__name__}")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1.0, 0])
def test_a_real_number_must_be_finite_and_in_its_range(value):
    with pytest.raises(ValueError, match="Layer: tau must be a finite number above 1, not"):
        validation.real(value, who="Layer", name="tau", above=1)


@pytest.mark.parametrize("value", ["c", None, 3, ["a"], np.zeros(2)])
def test_an_unknown_name_lists_the_known_ones(value):
    with pytest.raises(ValueError, match="Layer: kind must be one of a, b, not"):
        validation.one_of(value, ("a", "b"), who="Layer", name="kind")


def test_a_long_value_is_shown_short():
    assert len(validation.shown("x" * 1000)) == 60
    assert validation.shown(np.zeros((2, 3))) == "a ndarray of shape (2, 3) and type float64"


@pytest.mark.parametrize("value", [None, 3, ["a"], {}, "A", "b\n" * 1000, np.zeros(10_000)])
def test_the_error_of_an_unknown_name_is_one_short_line(value):
    with pytest.raises(ValueError, match=r"^layer: kind .* is unknown; the known ones are a, b$") as caught:
        validation.lookup({"a": 1, "b": 2}, value, "layer: kind")
    assert len(str(caught.value)) < 140
    assert validation.lookup({"a": 1, "b": 2}, "b", "layer: kind") == 2


@pytest.mark.parametrize(
    "call",
    [export.targets.get_target, rules.get_rule, losses.checked, decisions.get_decision, delay_windows.get_window],
)
@pytest.mark.parametrize("value", [["npz"], {"a": 1}, Population.of("h", 1000, decay=0.5)])
def test_lookups_refuse_other_types_in_one_line(call, value):
    with pytest.raises(ValueError, match="is unknown; the known ones are") as caught:
        call(value)
    assert "\n" not in str(caught.value)


def test_a_row_of_floats_is_within_the_range_of_its_type():
    np.testing.assert_array_equal(validation.row([1.0, np.inf], np.float32, "Lists: weight"), [1, np.inf])
    with pytest.raises(ValueError, match="Lists: weight must be within the range of float32, not float64"):
        validation.row([0.0, 1e39], np.float32, "Lists: weight")
