"""The parity core on a user's machine: the installed package with its compilers, libraries and threads as they are.

kernels      compiled delays and neurons against the loops that define them, and gradients against plain torch
programs     a network against its Program, both engines against the loops, streams, threads, quantization
targets      files of every target, read back number for number, and the C runtime where there is a compiler
training     a run that is stopped and resumed against one that is not, digit by digit
"""

from snnsim.selftest.report import Outcome, SelfTestReport, run

__all__ = ["Outcome", "SelfTestReport", "run"]
