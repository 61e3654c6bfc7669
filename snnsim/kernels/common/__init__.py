"""The code that all kernels share: dispatch, random numbers, portable math, threads, buffers and checks."""
