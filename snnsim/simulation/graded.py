"""The two engines for Programs with graded messages: every neuron in every step, or those that messages reach."""

import numpy as np

from snnsim.kernels.simulate import graded
from snnsim.kernels.simulate.types import EventNetwork, GradedWork, Populations, Queue, Sizes
from snnsim.simulation.engines import Run, new_marks, queue_needs, with_queues
from snnsim.simulation.lowering import Network


class _Graded:
    """Runs recordings; the subclasses say which neurons a step computes."""

    every: bool

    def __init__(self, network: Network) -> None:
        self.network, self.synapses = network, network.synapses
        self.sizes = Sizes(network.channels, network.neurons, network.longest)
        owner = np.repeat(np.arange(len(network.reset), dtype=np.int32), np.diff(network.bounds))
        self.populations = Populations(network.bounds, network.reset, owner)

    def run(self, task: Run) -> None:
        """Run recordings.

        Args:
            task: The recordings with their events, states and results.

        Raises:
            ValueError: If a sum of integers leaves the word of the Program.
        """
        network, numbers = self.network, self.network.numbers
        arrays = EventNetwork(
            self.synapses, network.convolutions, self.populations, network.parameters, network.second, task.noise,
            self.sizes,
        )  # fmt: skip
        current, value = np.zeros(network.neurons, numbers.current), np.zeros(network.neurons, numbers.voltage)
        marks, largest = new_marks(network), np.zeros(1, numbers.voltage)

        def attempt(recording: int, queue: Queue) -> bool:
            work = GradedWork(queue, marks, current, value, largest, self.every)
            return graded.run(recording, arrays, task.events, task.state, work, task.recorder)

        with_queues(network, task, attempt)
        limit = getattr(network.parameters, "limit", None)
        if limit is not None and largest[0] > limit:
            raise ValueError(
                f"simulate: sums must be within ± {limit}, the range of the program's word, and reached {largest[0]}; "
                "quantize it with more word_bits or a smaller weight_shift"
            )

    def needs(self, workers: int) -> dict[str, int]:
        """Return the bytes of the queues and marks before a queue grows, by part.

        Args:
            workers: Number of threads, each of which has its own queue.
        """
        return queue_needs(self.network, workers)


class GradedClockDriven(_Graded):
    """Computes every neuron in every step.

    Args:
        network: The arrays of a Program as the kernels read them.
    """

    every = True


class GradedEventDriven(_Graded):
    """Computes a neuron in the steps in which a message reaches it.

    Args:
        network: The arrays of a Program as the kernels read them.
    """

    every = False
