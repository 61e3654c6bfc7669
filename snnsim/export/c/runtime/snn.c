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

static int32_t membrane(int32_t voltage, int32_t current, uint32_t neuron)
{
    const int64_t product = (int64_t)voltage * (int64_t)snn_decays[neuron];
    const int64_t kept = product < 0 ? -((-product) >> SNN_DECAY_BITS) : product >> SNN_DECAY_BITS;
    const int64_t u = kept + (int64_t)current * ((int64_t)1 << SNN_WEIGHT_SHIFT) + snn_biases[neuron];
    return u > SNN_LIMIT ? SNN_LIMIT : u < -SNN_LIMIT ? -SNN_LIMIT : (int32_t)u;
}

static uint32_t update(snn_state *state, uint32_t number)
{
    const snn_population *population = &snn_populations[number];
    int32_t *current = &state->ring[population->ring + state->slot[number] * population->size];
    uint32_t spikes = 0;
    for (uint32_t k = 0; k < population->size; k++) {
        const uint32_t neuron = population->first + k;
        const int32_t u = membrane(state->voltage[neuron], current[k], neuron);
        const int fires = population->rule != SNN_READS && u >= snn_thresholds[neuron];
        current[k] = 0;
        state->fired[neuron] = (uint8_t)fires;
        state->voltage[neuron] = !fires ? u : population->rule == SNN_HARD ? 0 : u - snn_thresholds[neuron];
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
