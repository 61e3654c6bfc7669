/* A network of spiking neurons with a delay for every synapse, in integers; no memory is allocated.
 *
 *     I[t, j] = sum over synapses i -> j of w s[t - d, i]
 *     u[t, j] = clip(sign(v) floor(|v| m / 2^SNN_DECAY_BITS) + I 2^SNN_WEIGHT_SHIFT + b, +- SNN_LIMIT)
 *     s[t, j] = u >= threshold        v = 0 (hard), u - threshold (soft), u (readout, which never fires)
 *
 * Models with a second state variable w; <f x> = sign(f x) floor(|f x| / 2^SNN_DECAY_BITS), J = I 2^SNN_WEIGHT_SHIFT + b,
 * and all sums are clipped:
 *
 *     adLIF      u = <m v> + <gain (J - w)>    then w = <second_decay w> + <coupling v> + jump s, with the new v
 *     ALIF       u = <m v> + J                 fires at threshold + w; then w = <second_decay w> + jump s
 *     CubaLIF    w = <second_decay w> + J      then u = <m v> + <gain w>
 *
 * Populations are computed in their order, so a synapse without delay reaches a later one in the same step. A spike adds
 * its weights to a ring of sums, `delay` slots ahead; a step reads and clears one slot of each population.
 *
 *     static snn_state state;             as many of them as there are streams
 *     snn_reset(&state);
 *     for each step of SNN_STEP_US microseconds:
 *         snn_input(&state, channel, 1);  for each spike of the step
 *         snn_step(&state);
 *     SNN_EXTRA_STEPS times more snn_step, then snn_choice(&state) is the class
 */
#ifndef SNN_H
#define SNN_H

#include <stdint.h>

#include "network.h"

#define SNN_HARD 0
#define SNN_SOFT 1
#define SNN_READS 2
#define SNN_RESET 3

/* models with a second state variable, added to the reset in snn_population.rule */
#define SNN_ADLIF 4
#define SNN_ALIF 8
#define SNN_CUBA_LIF 12
#define SNN_MODEL 12

/* network.h defines those as 1 that the network has */
#ifndef SNN_HAS_ADLIF
#define SNN_HAS_ADLIF 0
#endif
#ifndef SNN_HAS_ALIF
#define SNN_HAS_ALIF 0
#endif
#ifndef SNN_HAS_CUBA_LIF
#define SNN_HAS_CUBA_LIF 0
#endif
#define SNN_HAS_SECOND (SNN_HAS_ADLIF || SNN_HAS_ALIF || SNN_HAS_CUBA_LIF)

/* decisions */
#define SNN_NONE 0
#define SNN_SUMMED_SOFTMAX 1
#define SNN_MEAN_MEMBRANE 2
#define SNN_MAX_MEMBRANE 3
#define SNN_LAST_MEMBRANE 4

typedef struct {
    uint32_t first; /* neuron of the network that is its neuron 0 */
    uint32_t size;
    uint32_t ring;  /* where its slots start */
    uint16_t slots; /* one more than the longest delay of its synapses */
    uint8_t rule;   /* a reset, and a model */
} snn_population;

typedef struct {
    const snn_weight *weight;
    const uint8_t *delay;
    const uint32_t *first; /* where the synapses of each source start; of a table null: one row of targets per source */
    const snn_target *post;
    uint16_t target; /* population */
} snn_edge;

typedef struct {
    int64_t score[SNN_SCORES];
    int32_t voltage[SNN_NEURONS];
#if SNN_HAS_SECOND
    int32_t second[SNN_NEURONS]; /* adaptation, rise of the threshold, or synaptic current */
#endif
    int32_t ring[SNN_RING];
    uint32_t steps;
    uint16_t slot[SNN_POPULATIONS];
    uint8_t fired[SNN_NEURONS]; /* 1 where a neuron fired in the last step */
} snn_state;

/* in network.c */
extern const snn_population snn_populations[SNN_POPULATIONS];
extern const snn_edge snn_edges[];
extern const uint16_t snn_outgoing[SNN_POPULATIONS + 2]; /* edges by source: the input, then each population */
extern const snn_decay snn_decays[SNN_NEURONS];
extern const int32_t snn_thresholds[SNN_NEURONS];
extern const int32_t snn_biases[SNN_NEURONS];
#if SNN_HAS_SECOND
extern const snn_factor snn_gains[SNN_NEURONS]; /* of the current; adLIF and CubaLIF */
extern const snn_factor snn_second_decays[SNN_NEURONS];
extern const snn_factor snn_couplings[SNN_NEURONS]; /* of the adaptation to the voltage; adLIF */
extern const int32_t snn_jumps[SNN_NEURONS];        /* at a spike; adLIF and ALIF */
#endif
extern const uint32_t snn_units[SNN_SCORES]; /* what a membrane of each class counts; see snn_choice */
extern const uint32_t snn_powers[65];        /* 2^30 2^(-k / 64) */

/* Bring a state to rest. */
void snn_reset(snn_state *state);

/* Let a channel spike `count` times in the step to come; a count is at most SNN_MOST_COUNT. */
void snn_input(snn_state *state, uint32_t channel, uint8_t count);

/* Compute a step; returns how many neurons fired. */
uint32_t snn_step(snn_state *state);

/* The readout's membranes in the last step are state->voltage + snn_populations[SNN_READOUT].first. */

/* The class with the highest score so far, the first of equals; -1 where the network decides nothing.
 *
 *     mean      sum over steps of u unit      max, last      of u unit      softmax      sum over steps of the shares
 *     unit      snn_units: whole numbers in the ratio of the classes' units, exact to SNN_UNIT_BITS bits
 *     share     2^32 p / sum of p, p = 2^-x, x = (largest u unit - u unit) log2(e), with SNN_FRACTION_BITS bits behind
 *               the point; 2^-x is interpolated between 65 values, to 2 parts in 100 000
 *
 * Sums hold the largest membranes for 4096 steps.
 */
int32_t snn_choice(const snn_state *state);

#endif
