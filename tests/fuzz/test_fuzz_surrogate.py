import random

from helpers.fuzzing import cases
from snnsim.surrogate import Surrogate


def test_surrogates_take_or_refuse_names_and_slopes(tally):
    draw = random.Random(0)
    names = ["atan", "triangle", "", "Atan", None, 3, b"atan", ("atan",)]
    slopes = [None, 0, -1.0, 1.0, 5, float("nan"), float("inf"), 1e308, "5", [5.0]]
    for _ in range(cases(200)):
        name, slope = draw.choice(names), draw.choice(slopes)
        tally.call(lambda name=name, slope=slope: Surrogate(name, slope), case=(name, slope))
