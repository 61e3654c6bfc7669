"""The width of the delay windows over training: wide at first, so that delays get gradients from far away, then narrow.

    σ(e) = σ∞ + (σ₀ − σ∞) q^e    for e < E₁, with q such that σ(E₁) = σ₁;    σ(e) = σ₁ from E₁ on

Units    σ in steps · e, E₁ in epochs
Names    σ₀ at the start · σ₁ at the end · σ∞ the narrowest width of the window, which dcls adds to |SIG|
Source   DCLS-Delays: SIG from ⌊K/2⌋ to 0.23 over the first quarter of the epochs, σ = |SIG| + 0.27 for gauss
"""

import math

from snnsim.validation import integer, number


def width(epoch: int, *, start: float, end: float, epochs: float, narrowest: float) -> float:
    """Return σ of an epoch in steps.

    Args:
        epoch: Number of the epoch, counted from 0.
        start: σ of the first epoch.
        end: σ from epoch `epochs` on.
        epochs: Number of epochs of the schedule.
        narrowest: The narrowest width of the window, below `end`.

    Raises:
        ValueError: If the widths are not in falling order.
    """
    start, end = number(start, who="width", name="start"), number(end, who="width", name="end")
    narrowest, last = number(narrowest, who="width", name="narrowest"), number(epochs, who="width", name="epochs")
    epoch = integer(epoch, who="width", name="epoch", at_least=0)
    if not math.inf > start >= end > narrowest:
        raise ValueError(
            f"sigma must go from a wider to a narrower window above {narrowest}, not from {start} to {end}"
        )
    if epoch >= last:
        return end
    decay: float = ((end - narrowest) / (start - narrowest)) ** (epoch / last)
    return narrowest + (start - narrowest) * decay
