"""Curricula as values: which levels come next, and what they refuse."""

import pytest

from snnsim.learning.curricula import Curriculum, Progress


def steps(curriculum, count):
    """Levels of the next steps, when every level passes."""
    progress, levels = curriculum.start(), []
    for _ in range(count):
        levels.append(progress.levels)
        progress = curriculum.after(progress, dict.fromkeys(progress.levels, 1.0))
    return levels, progress


def test_levels_of_every_kind():
    assert steps(Curriculum("single"), 3)[0] == [(2,), (3,), (4,)]
    assert steps(Curriculum("multi"), 3)[0] == [(2,), (2, 3), (2, 3, 4)]
    assert steps(Curriculum("sliding", window=3, advance=2), 3)[0] == [(2, 3, 4), (4, 5, 6), (6, 7, 8)]
    assert steps(Curriculum("none", first=7), 2) == ([(7,), (7,)], Progress((7,), 7, True))


def test_the_mean_and_the_newest_level_must_pass():
    curriculum, progress = Curriculum("multi"), Progress((2, 3, 4), 3)
    assert curriculum.after(progress, {2: 1.0, 3: 1.0, 4: 0.98}) is progress
    assert curriculum.after(progress, {2: 0.9, 3: 1.0, 4: 1.0}) is progress
    assert curriculum.after(progress, {2: 0.97, 3: 1.0, 4: 0.99}) == Progress((2, 3, 4, 5), 4)


def test_the_last_level_ends_the_curriculum():
    assert steps(Curriculum("multi", last=3), 5)[1] == Progress((2, 3), 3, True)
    assert steps(Curriculum("sliding", window=3, advance=2, last=7), 5)[1] == Progress((4, 5, 6), 6, True)


def test_progress_survives_a_file():
    progress = Progress((2, 3), 2)
    assert Progress.of(progress._asdict()) == progress
    with pytest.raises(ValueError, match="one level or more"):
        Progress.of({"levels": [], "passed": None, "finished": False})


def test_what_is_wrong_is_named():
    with pytest.raises(ValueError, match="accuracies of the levels"):
        Curriculum("multi").after(Progress((2, 3)), {2: 1.0})
    with pytest.raises(ValueError, match="advance must be at most the window of 3, not 4"):
        Curriculum("sliding", window=3, advance=4)
    with pytest.raises(ValueError, match="goal must be above 0 and below 1, not 1"):
        Curriculum("single", goal=1.0)
    with pytest.raises(ValueError, match="last must be 11 or more, not 10"):
        Curriculum("sliding", last=10)
    with pytest.raises(ValueError, match="kind"):
        Curriculum("double")
