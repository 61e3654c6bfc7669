"""What is written in SHD's format is read back: any times, channels, labels, speakers and names of classes."""

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from snnsim.data import heidelberg
from snnsim.data.recordings import Recordings

NAMES = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1, max_size=9)


@st.composite
def recordings(draw):
    """Return recordings with times on a grid from microseconds to seconds, in float32."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    sizes = np.array(draw(st.lists(st.integers(1, 9), min_size=1, max_size=5)))
    scale = draw(st.sampled_from([1e-3, 1.0, 7.3, 1000.0]))
    units = draw(st.sampled_from([1, 3, 700, 70_000]))
    classes = tuple(draw(st.lists(NAMES, min_size=1, max_size=4, unique=True)))
    rows = [np.sort(rng.integers(0, 900, size)).astype(np.float32) * np.float32(scale) for size in sizes]
    return Recordings(
        time_ms=np.concatenate(rows),
        unit=rng.integers(0, units, sizes.sum()).astype(np.uint16 if units <= 2**16 else np.uint32),
        offset=np.concatenate([[0], np.cumsum(sizes)]),
        label=rng.integers(0, len(classes), len(sizes)),
        speaker=rng.integers(-1, draw(st.sampled_from([1, 12, 70_000])), len(sizes)),
        classes=classes,
        units=units,
    )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(written=recordings())
def test_read_gives_back_any_recordings(tmp_path, written):
    heidelberg.write(tmp_path / "a.h5", written)
    read = heidelberg.read(tmp_path / "a.h5")
    for name in ("unit", "offset", "label", "speaker"):
        np.testing.assert_array_equal(getattr(read, name), getattr(written, name), name)
    np.testing.assert_array_equal(read.time_ms, written.time_ms)
    assert (read.classes, read.units) == (written.classes, written.units)
    # what was read is written as the same bytes
    heidelberg.write(tmp_path / "b.h5", read)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()
