"""SONATA: a neutral format of networks for simulators, a folder of HDF5 and CSV tables with NEST's neurons.

    FOLDER/circuit_config.json                paths of the other files
           simulation_config.json             duration and input spikes; PointNet of BMTK runs it as it is
           inputs.h5                          /spikes/input: an example, a spike in every channel
           network/input_nodes.h5, input_node_types.csv   /nodes/input: a virtual node for each channel
           network/nodes.h5, node_types.csv   /nodes/P: a type for each distinct (τ, V_th, τ_s), and our numbers: Names
           network/edges.h5, edge_types.csv   /edges/K_P_to_Q: source, target, syn_weight, delay
           components/                        parameters of NEST neurons, one file for each type
           snnsim.json                        the header of the Program, and all that SONATA has no place for

    V ← V exp(−h/τ) + w at each synapse     V ≥ V_th: spike, V = 0     delay d' ≥ 1 step     (nest:iaf_psc_delta)
    V ← V exp(−h/τ) + P i, then i ← i exp(−h/τ_s) + w at each synapse, with the C_m at which P is our gain
                                            (nest:iaf_psc_exp, of cuba_lif_hard: such a population is a step later)

Units    delay and τ in ms, delays whole steps of run.dt; V and w in units of the program, called mV; C_m 1
Names    /nodes/P/0/{decay,threshold,bias,unit,gain,second_decay} numbers of the Program (neuron,) · a bias is a synapse
         from the bias channel, the last channel of `input` if there is one, which spikes in every step · population P
         fires lateness[P] steps late · P is written with letters, digits and _ alone, which `names` lists: BMTK splits
         tables at spaces
Source   SONATA: Dai et al. 2020, PLoS Comput. Biol. 16:e1007696
Differs  integers are written as floats in the units of their membranes (snnsim.quantization.dequantized)
"""

from snnsim.export.sonata.read import claims, read
from snnsim.export.sonata.rules import check
from snnsim.export.sonata.write import write

__all__ = ["check", "claims", "read", "write"]
