"""What PyNN runs, on SpiNNaker or a simulator: connection files, and the script that reads them."""

from snnsim.export.pynn.reading import claims, read
from snnsim.export.pynn.writing import check, write

__all__ = ["check", "claims", "read", "write"]
