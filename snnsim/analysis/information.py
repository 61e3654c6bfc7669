"""Entropy and information rates of spike trains, from their Lempel-Ziv complexity; bits per step.

    h(X)    = c(x) log₂(n) / n                  no model, no bins of words
    I(X; Y) = h(X) + h(Y) − h(X, Y)             (X, Y) is one train whose symbols are pairs

The estimates converge slowly: of 10⁶ coin flips h is 1.2 % too large if they are fair, 4.5 % too small if one in twenty
is a 1. In I the three errors partly cancel: two independent trains of 10⁶ fair flips are left with 0.05 bits. So
compare information with that of trains shifted against each other, and entropies at equal n.

Shapes   symbols, first, second (time,)
Names    c number of phrases of LZ76, see complexity.py · n steps · h entropy rate · I mutual information rate
Source   for spike trains: Amigó, Szczepański, Wajnryb & Sanchez-Vives 2004, Neural Comput. 16:717; Szczepański, Amigó,
         Wajnryb & Sanchez-Vives 2003, Network 14:335. Convergence: Ziv 1978, IEEE Trans. Inf. Theory 24:405
"""

import numpy as np
from numpy.typing import ArrayLike

from snnsim.analysis import complexity


def entropy_rate(symbols: ArrayLike) -> float:
    """Return the estimated entropy rate of a string (time,), in bits per symbol."""
    found = complexity.checked(symbols, "entropy_rate")
    if found.ndim != 1:
        raise ValueError(
            f"entropy_rate: symbols must be one string, (time,); got shape {found.shape}. Make one of several trains "
            "by complexity.joint"
        )
    return float(complexity.normalized(found))


def mutual_information(first: ArrayLike, second: ArrayLike) -> float:
    """Return the estimated rate of information that two strings (time,) have of each other, in bits per symbol."""
    one, other = (complexity.checked(part, "mutual_information") for part in (first, second))
    if one.ndim != 1 or one.shape != other.shape:
        raise ValueError(
            f"mutual_information: both must be strings of the same time, (time,); got shapes {one.shape} and "
            f"{other.shape}"
        )
    pairs = complexity.joint(np.stack([one, other], axis=1))
    return entropy_rate(one) + entropy_rate(other) - entropy_rate(pairs)
