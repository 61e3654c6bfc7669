"""NIR, the neuromorphic intermediate representation: graphs of neurons and connections in continuous time.

Programs are written with a delay per synapse in one of three encodings. Graphs of `write` are read back number for
number, and graphs of other libraries are imported.
"""

from snnsim.export.nir.read import encoding, read
from snnsim.export.nir.rules import check
from snnsim.export.nir.write import write

__all__ = ["check", "encoding", "read", "write"]
