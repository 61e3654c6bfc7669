"""Live listening: sound through the inner-ear model into the simulator, piece by piece."""

from snnsim.listening.listener import Heard, Listener, ListenerState
from snnsim.listening.shipped import SHIPPED, load

__all__ = ["SHIPPED", "Heard", "Listener", "ListenerState", "load"]
