"""Transforms, products and packing, each against NumPy."""

import numba
import numpy as np
import pytest
import torch

from snnsim.kernels.delay import complex_gemm, fft, gemm_microkernel, windowed_fft
from snnsim.kernels.delay.bitpack import packed
from snnsim.kernels.delay.fft import LANES

WITHOUT_JIT = bool(numba.config.DISABLE_JIT)
DTYPES = [np.float32, np.float64]


def close(result, expected, dtype):
    scale = max(1.0, np.abs(expected).max())
    np.testing.assert_allclose(result / scale, expected / scale, rtol=0, atol=3e-6 if dtype == np.float32 else 1e-13)


@pytest.mark.parametrize(
    "points", [1, 2, 3, 4, 8, 9, 12] if WITHOUT_JIT else [1, 2, 3, 4, 6, 12, 27, 32, 162, 192, 512]
)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("sign", [-1, 1])
def test_transform_is_the_fourier_transform(points, dtype, sign):
    rng = np.random.default_rng(points)
    values = rng.normal(size=(points, LANES)) + 1j * rng.normal(size=(points, LANES))
    x = np.stack([values.real, values.imag]).reshape(2, -1).astype(dtype)
    y = np.empty_like(x)
    z = y if fft.transform(x, y, fft.plan(points, np.dtype(dtype).name)._replace(sign=sign)) else x
    expected = np.fft.fft(values, axis=0) if sign < 0 else np.fft.ifft(values, axis=0) * points
    close((z[0] + 1j * z[1]).reshape(points, LANES), expected, dtype)


def test_good_sizes():
    assert [fft.good_size(least) for least in (0, 1, 5, 7, 125, 160, 190)] == [1, 1, 6, 8, 128, 162, 192]
    with pytest.raises(ValueError, match=r"must be a product of 2s and 3s, not 10"):
        fft.plan(10, "float32")


@pytest.mark.parametrize("columns", [(0, 3), (1, 2)] if WITHOUT_JIT else [(0, 300), (64, 300), (17, 50), (299, 300)])
@pytest.mark.parametrize("rows", [(0, 6), (1, 5)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_windows_to_spectra_and_back(columns, rows, dtype):
    steps, lanes, delays, points = 20, 2, 4, 12
    rows, columns = windowed_fft.Span(*rows), windowed_fft.Span(*columns)
    rng = np.random.default_rng(0)
    sequence = rng.normal(size=(steps, lanes, 3 if WITHOUT_JIT else 300)).astype(dtype)
    windows = windowed_fft.Windows(points, 1 - delays, points - delays + 1, 0)
    plan, half, width = fft.plan(points, np.dtype(dtype).name), points // 2 + 1, columns[1] - columns[0]
    padded = np.concatenate(
        [np.zeros((delays - 1, *sequence.shape[1:])), sequence, np.zeros((points, *sequence.shape[1:]))]
    )
    expected = np.stack(
        [
            np.fft.rfft(padded[row // lanes * windows.hop :][:points, row % lanes, slice(*columns)], axis=0)
            for row in range(*rows)
        ],
        axis=1,
    )
    number = rows[1] - rows[0]
    spectrum = np.full((2 * half, number * width), np.nan, dtype)
    windowed_fft.analyze(sequence, 2.0, windows, plan, rows, columns, False, spectrum)
    close(spectrum[:half] + 1j * spectrum[half:], 2 * expected.reshape(half, -1), dtype)
    panels = -(-width // LANES)
    in_panels = np.full((2 * half, panels * number * LANES), np.nan, dtype)
    windowed_fft.analyze(sequence, 2.0, windows, plan, rows, columns, True, in_panels)
    turned = in_panels.reshape(2 * half, panels, number, LANES).transpose(0, 2, 1, 3).reshape(2 * half, number, -1)
    np.testing.assert_array_equal(turned[..., :width].reshape(2 * half, -1), spectrum)
    # what fills the last panel goes into no result, but must not be infinite
    assert np.abs(turned[..., width:]).max(initial=0) < 1e-5
    back = np.full_like(sequence, 7)
    late = windows._replace(low=delays - 1)
    windowed_fft.synthesize(spectrum, late, plan, rows, columns, 0, back)
    written = np.zeros(sequence.shape, bool)
    for row in range(*rows):
        begin = row // lanes * windows.hop
        written[begin : begin + windows.hop, row % lanes, slice(*columns)] = True
    close(back[written], 2 * sequence[written], dtype)
    assert (back[~written] == 7).all()


@pytest.mark.parametrize(
    "shape", [(1, 1, 1), (3, 2, 5)] if WITHOUT_JIT else [(1, 1, 1), (13, 300, 70), (31, 7, 32), (24, 257, 33)]
)
@pytest.mark.parametrize("conjugate", [False, True])
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_products_of_spectra(shape, conjugate, transposed, dtype):
    lines, terms, columns = shape
    rng, half = np.random.default_rng(0), 3
    a = rng.normal(size=(2, half, terms, lines) if transposed else (2, half, lines, terms))
    panels = -(-columns // gemm_microkernel.PANEL)
    b = rng.normal(size=(2, half, terms, panels * gemm_microkernel.PANEL))
    b[..., columns:] = 0
    in_panels = b.reshape(2, half, terms, panels, -1).transpose(0, 1, 3, 2, 4)
    c = np.empty((2 * half, lines * columns), dtype)
    flat = [part.reshape(2 * half, -1).astype(dtype) for part in (a, in_panels)]
    complex_gemm.multiply(*flat, c, complex_gemm.ProductShape(*shape), conjugate, transposed, False, 2)
    left, right = a[0] + 1j * a[1], b[0] + 1j * b[1]
    left, right = left.swapaxes(1, 2) if transposed else left, right.conj() if conjugate else right
    wanted = (left @ right)[..., :columns]
    close((c[:half] + 1j * c[half:]).reshape(half, lines, columns), wanted, dtype)
    complex_gemm.multiply(*flat, c, complex_gemm.ProductShape(*shape), conjugate, transposed, True, 2)
    close((c[:half] + 1j * c[half:]).reshape(half, lines, columns), 2 * wanted, dtype)


EXACT = {
    "nothing fires": torch.zeros(5, 3),
    "spikes": (torch.arange(12.0).view(4, 3) % 3 == 0).float(),
    "dropout": (torch.arange(12.0).view(4, 3) % 3 == 0).float() / (1 - 0.4),
    "counts in float64": torch.arange(12.0, dtype=torch.float64).view(3, 4),
    "the largest count": torch.tensor([1.0, 255.0, 0.0, 128.0, 3.0, 2.0, 64.0, 9.0, 77.0]),
    "one that no other is a multiple of": torch.tensor([2.0, 4.0, 0.0]),
}
OTHERS = {
    "a count too many": torch.tensor([1.0, 256.0]),
    "real numbers": torch.tensor([0.3, 0.7]),
    "negative": torch.tensor([-1.0, 1.0]),
    "only negative": torch.tensor([-2.0]),
    "not a number": torch.tensor([float("nan"), 1.0]),
    "infinite": torch.tensor([float("inf"), 1.0]),
    "none at all": torch.zeros(0, 3),
}


def unpacked(saved, like):
    spikes = torch.full_like(like, 7.0)
    saved.into(spikes)
    return spikes


@pytest.mark.parametrize("name", EXACT)
def test_counts_are_packed(name):
    saved = packed(EXACT[name])
    assert saved.counts().dtype == torch.uint8
    assert saved.counts().shape == EXACT[name].shape
    assert torch.equal(unpacked(saved, EXACT[name]), EXACT[name])
    bits = max(1, int(saved.counts().max()).bit_length())
    assert saved.planes.nbytes == bits * -(-EXACT[name].numel() // 8)


@pytest.mark.parametrize("name", OTHERS)
def test_spikes_that_are_no_counts_are_saved_as_they_are(name):
    saved = packed(OTHERS[name])
    assert torch.equal(unpacked(saved, OTHERS[name]).nan_to_num(5.0), OTHERS[name].nan_to_num(5.0))
    assert (saved.scale, saved.counted) == (1, False)
