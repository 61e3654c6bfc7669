"""What PyNN runs, on SpiNNaker or a simulator: connection files, and the script that reads them."""

from snnsim.export.pynn.reading import claims, read
from snnsim.export.pynn.writing import REPAIRS, check, executed, write

__all__ = ["REPAIRS", "check", "claims", "executed", "read", "write"]
