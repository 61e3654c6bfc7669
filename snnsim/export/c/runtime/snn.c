#include "snn.h"

#include <stddef.h>
#include <string.h>

static void add(snn_state *state, const snn_edge *edge, uint32_t target, uint32_t synapse, int32_t count)
{
    const snn_population *population = &snn_populations[edge->target];
    uint32_t slot = (uint32_t)state->slot[edge->target] + edge->delay[synapse];
    if (slot >= population->slots) {
        slot -= population->slots;
    }
    state->ring[population->ring + slot * population->size + target] += count * edge->weight[synapse];
}

/* Source 0 is the input, source p + 1 population p. */
static void deliver(snn_state *state, uint32_t source, uint32_t neuron, int32_t count)
{
    for (uint32_t number = snn_outgoing[source]; number < snn_outgoing[source + 1]; number++) {
        const snn_edge *edge = &snn_edges[number];
        if (edge->first == NULL) {
            const uint32_t size = snn_populations[edge->target].size;
            for (uint32_t target = 0; target < size; target++) {
                add(state, edge, target, neuron * size + target, count);
            }
        } else {
            for (uint32_t synapse = edge->first[neuron]; synapse < edge->first[neuron + 1]; synapse++) {
                add(state, edge, edge->post[synapse], synapse, count);
            }
        }
    }
}

/* The factor has SNN_DECAY_BITS bits behind the point; the product is rounded towards 0. */
static int64_t product(int64_t factor, int64_t value)
{
    const int64_t exact = factor * value;
    return exact < 0 ? -((-exact) >> SNN_DECAY_BITS) : exact >> SNN_DECAY_BITS;
}

static int32_t clip(int64_t value)
{
    return value > SNN_LIMIT ? SNN_LIMIT : value < -SNN_LIMIT ? -SNN_LIMIT : (int32_t)value;
}

/* The membrane of a neuron: its decayed voltage and its current. */
static int32_t membrane(const snn_state *state, uint8_t rule, uint32_t neuron, int64_t current)
{
    const int64_t kept = product(snn_decays[neuron], state->voltage[neuron]);
#if SNN_HAS_ADLIF
    if ((rule & SNN_MODEL) == SNN_ADLIF) {
        return clip(kept + product(snn_gains[neuron], clip(current - state->second[neuron])));
    }
#endif
#if SNN_HAS_CUBA_LIF
    if ((rule & SNN_MODEL) == SNN_CUBA_LIF) {
        return clip(kept + product(snn_gains[neuron], state->second[neuron]));
    }
#endif
#if SNN_HAS_ALIF
    if ((rule & SNN_MODEL) == SNN_ALIF) {
        return clip(kept + clip(current));
    }
#endif
    (void)rule;
    return clip(kept + current);
}

static int64_t threshold(const snn_state *state, uint8_t rule, uint32_t neuron)
{
#if SNN_HAS_ALIF
    if ((rule & SNN_MODEL) == SNN_ALIF) {
        return (int64_t)snn_thresholds[neuron] + state->second[neuron];
    }
#endif
    (void)state;
    (void)rule;
    return snn_thresholds[neuron];
}

/* The synaptic current takes part in the step in which its spikes arrive. */
static void integrate(snn_state *state, uint8_t rule, uint32_t neuron, int64_t current)
{
#if SNN_HAS_CUBA_LIF
    if ((rule & SNN_MODEL) == SNN_CUBA_LIF) {
        state->second[neuron] = clip(current + product(snn_second_decays[neuron], state->second[neuron]));
    }
#endif
    (void)state;
    (void)rule;
    (void)neuron;
    (void)current;
}

/* Adaptation and the rise of the threshold follow the voltage after the reset and the spike. */
static void adapt(snn_state *state, uint8_t rule, uint32_t neuron, int fires)
{
#if SNN_HAS_ADLIF
    if ((rule & SNN_MODEL) == SNN_ADLIF) {
        const int64_t kept = product(snn_second_decays[neuron], state->second[neuron]);
        const int64_t coupled = product(snn_couplings[neuron], state->voltage[neuron]);
        state->second[neuron] = clip(kept + coupled + (fires ? snn_jumps[neuron] : 0));
    }
#endif
#if SNN_HAS_ALIF
    if ((rule & SNN_MODEL) == SNN_ALIF) {
        const int64_t kept = product(snn_second_decays[neuron], state->second[neuron]);
        state->second[neuron] = clip(kept + (fires ? snn_jumps[neuron] : 0));
    }
#endif
    (void)state;
    (void)rule;
    (void)neuron;
    (void)fires;
}

static uint32_t update(snn_state *state, uint32_t number)
{
    const snn_population *population = &snn_populations[number];
    const uint8_t rule = population->rule, reset = rule & SNN_RESET;
    int32_t *sums = &state->ring[population->ring + state->slot[number] * population->size];
    uint32_t spikes = 0;
    for (uint32_t k = 0; k < population->size; k++) {
        const uint32_t neuron = population->first + k;
        const int64_t current = (int64_t)sums[k] * ((int64_t)1 << SNN_WEIGHT_SHIFT) + snn_biases[neuron];
        integrate(state, rule, neuron, current);
        const int32_t u = membrane(state, rule, neuron, current);
        const int64_t level = threshold(state, rule, neuron);
        const int fires = reset != SNN_READS && u >= level;
        sums[k] = 0;
        state->fired[neuron] = (uint8_t)fires;
        state->voltage[neuron] = !fires ? u : reset == SNN_HARD ? 0 : (int32_t)(u - level);
        adapt(state, rule, neuron, fires);
        spikes += (uint32_t)fires;
    }
    if (spikes > 0) {
        for (uint32_t k = 0; k < population->size; k++) {
            if (state->fired[population->first + k]) {
                deliver(state, number + 1, k, 1);
            }
        }
    }
    return spikes;
}

#if SNN_DECISION != SNN_NONE
static int64_t scaled(const snn_state *state, uint32_t number)
{
    return (int64_t)state->voltage[snn_populations[SNN_READOUT].first + number] * (int64_t)snn_units[number];
}
#endif

#if SNN_DECISION == SNN_SUMMED_SOFTMAX
/* 2^30 2^-(gap / 2^SNN_SCALE_BITS) */
static uint64_t power(uint64_t gap)
{
    const uint64_t x = gap >> (SNN_SCALE_BITS - SNN_FRACTION_BITS);
    const uint64_t whole = x >> SNN_FRACTION_BITS;
    const uint64_t part = (x & (((uint64_t)1 << SNN_FRACTION_BITS) - 1)) << 6;
    const uint64_t place = part >> SNN_FRACTION_BITS;
    const uint64_t beyond = part & (((uint64_t)1 << SNN_FRACTION_BITS) - 1);
    if (whole > 30) {
        return 0;
    }
    const uint64_t step = (uint64_t)(snn_powers[place] - snn_powers[place + 1]);
    return (snn_powers[place] - ((step * beyond) >> SNN_FRACTION_BITS)) >> whole;
}

static void judge(snn_state *state)
{
    uint64_t sum = 0;
    int64_t most = scaled(state, 0);
    for (uint32_t number = 1; number < SNN_SCORES; number++) {
        const int64_t value = scaled(state, number);
        most = value > most ? value : most;
    }
    for (uint32_t number = 0; number < SNN_SCORES; number++) {
        sum += power((uint64_t)(most - scaled(state, number)));
    }
    for (uint32_t number = 0; number < SNN_SCORES; number++) {
        state->score[number] += (int64_t)((power((uint64_t)(most - scaled(state, number))) << 32) / sum);
    }
}
#elif SNN_DECISION != SNN_NONE
static void judge(snn_state *state)
{
    for (uint32_t number = 0; number < SNN_SCORES; number++) {
        const int64_t value = scaled(state, number);
#if SNN_DECISION == SNN_MEAN_MEMBRANE
        state->score[number] += value;
#elif SNN_DECISION == SNN_MAX_MEMBRANE
        state->score[number] = state->steps == 0 || value > state->score[number] ? value : state->score[number];
#else
        state->score[number] = value;
#endif
    }
}
#endif

void snn_reset(snn_state *state)
{
    memset(state, 0, sizeof *state);
}

void snn_input(snn_state *state, uint32_t channel, uint8_t count)
{
    deliver(state, 0, channel, count);
}

uint32_t snn_step(snn_state *state)
{
    uint32_t spikes = 0;
    for (uint32_t number = 0; number < SNN_POPULATIONS; number++) {
        spikes += update(state, number);
    }
#if SNN_DECISION != SNN_NONE
    judge(state);
#endif
    state->steps++;
    for (uint32_t number = 0; number < SNN_POPULATIONS; number++) {
        state->slot[number]++;
        if (state->slot[number] == snn_populations[number].slots) {
            state->slot[number] = 0;
        }
    }
    return spikes;
}

int32_t snn_choice(const snn_state *state)
{
    int32_t best = SNN_DECISION == SNN_NONE ? -1 : 0;
    for (int32_t number = 1; SNN_DECISION != SNN_NONE && number < SNN_SCORES; number++) {
        if (state->score[number] > state->score[best]) {
            best = number;
        }
    }
    return best;
}
