"""The precision of a training step on processors with and without products of bfloat16."""

import pytest
import torch

from snnsim.kernels.common import short_products
from snnsim.training import precision

CPU = torch.device("cpu")


@pytest.fixture(params=[True, False])
def has(request, monkeypatch):
    """Return whether the processor has the products."""
    monkeypatch.setattr(short_products, "keeps_sums", lambda: request.param)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    return request.param


def test_a_processor_without_the_products_is_noted(has):
    note = precision.precision_note(CPU, mixed=True)
    assert note == "" if has else "trains in float32\n" in note
    assert (
        precision.precision_note(CPU, mixed=False) == precision.precision_note(torch.device("cuda"), mixed=True) == ""
    )


def test_products_are_short_in_the_context_of_a_step_alone(has):
    with precision.precision(CPU, mixed=True):
        assert short_products.products_are_short() == has
    with precision.precision(CPU, mixed=False):
        assert not short_products.products_are_short()
    assert not short_products.products_are_short()
