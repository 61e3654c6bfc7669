"""A folder for PyNN, the interface of SpiNNaker, NEST and Brian2: text files, and a script that runs them.

    FOLDER/network.json          the header of the Program, and the names and digests of the other files
           neurons/P.txt         a line for each neuron: τ, V_th, and the Program's decay, threshold, bias, unit
           connections/K.N.excitatory.txt, K.N.inhibitory.txt    a line for each synapse: i, j, weight, delay;
                                 N the number of a synapse among those of its pair
           run.py                python run.py nest|brian2|spiNNaker [SPIKES.txt]

    V ← V exp(−1/τ) + w at each synapse      V ≥ V_th: spike, V = 0      delay d' ≥ 1      (IF_curr_delta)

Units    a step is 1 ms: τ and delays in steps; V and w, called mV, in units of a Program's weights: of integers, θ and
         b are divided by 2^weight_shift
Names    a bias is a synapse from the bias channel, the last source of `input`, which spikes in every step · population
         P fires lateness[P] steps late · digests are SHA-256 of the bytes of a table; folders before snnsim had them
         have none
Differs  synapses that share source, target and delay are read back with the excitatory ones first
"""

from snnsim.export.pynn.read import claims, read
from snnsim.export.pynn.rules import REPAIRS, check
from snnsim.export.pynn.write import FORMER_SCRIPTS, executed, write

__all__ = ["FORMER_SCRIPTS", "REPAIRS", "check", "claims", "executed", "read", "write"]
