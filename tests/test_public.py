import pytest

import snnsim


def test_every_public_name_is_there():
    assert snnsim.__all__
    for name in snnsim.__all__:
        assert getattr(snnsim, name).__name__ == name
        assert getattr(snnsim, name).__doc__


def test_an_unknown_name_is_named():
    with pytest.raises(AttributeError, match="module 'snnsim' has no attribute 'LIFF'"):
        _ = snnsim.LIFF
