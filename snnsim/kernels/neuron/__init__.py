"""Neurons over a whole sequence, forward and backward: on the CPU by Numba, on a GPU by Triton."""
