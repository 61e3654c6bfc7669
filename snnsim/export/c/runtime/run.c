/* Runs recordings: numbers of 32 bits from standard input to standard output, in the machine's byte order.
 *
 *     in     for each recording: steps, spikes, then step, channel and count of each spike in order
 *     out    for each step: how many neurons fired, which; the membranes of the readout. After the last one: the class
 */
#include <stdio.h>

#include "snn.h"

#define MOST_SPIKES 65536

static snn_state state;
static int32_t spikes[MOST_SPIKES][3];

static int get(int32_t *value)
{
    return fread(value, sizeof *value, 1, stdin) == 1;
}

static void put(int32_t value)
{
    (void)fwrite(&value, sizeof value, 1, stdout);
}

/* Returns 1 and a recording, 0 at the end, -1 if it is none of this network. */
static int next(int32_t *steps, int32_t *count)
{
    if (!get(steps)) {
        return 0;
    }
    if (!get(count) || *count < 0 || *count > MOST_SPIKES) {
        return -1;
    }
    if (fread(spikes, sizeof spikes[0], (size_t)*count, stdin) != (size_t)*count) {
        return -1;
    }
    for (int32_t n = 0; n < *count; n++) {
        if (spikes[n][1] < 0 || spikes[n][1] >= SNN_CHANNELS || spikes[n][2] < 0 || spikes[n][2] > SNN_MOST_COUNT) {
            return -1;
        }
    }
    return 1;
}

static void tell(uint32_t fired)
{
    put((int32_t)fired);
    for (int32_t neuron = 0; fired > 0 && neuron < SNN_NEURONS; neuron++) {
        if (state.fired[neuron]) {
            put(neuron);
        }
    }
#if SNN_READOUT >= 0
    for (uint32_t k = 0; k < snn_populations[SNN_READOUT].size; k++) {
        put(state.voltage[snn_populations[SNN_READOUT].first + k]);
    }
#endif
}

static void run(int32_t steps, int32_t count)
{
    int32_t n = 0;
    snn_reset(&state);
    for (int32_t step = 0; step < steps; step++) {
        for (; n < count && spikes[n][0] == step; n++) {
            snn_input(&state, (uint32_t)spikes[n][1], (uint8_t)spikes[n][2]);
        }
        tell(snn_step(&state));
    }
    put(snn_choice(&state));
}

int main(void)
{
    int32_t steps, count;
    int found;
    while ((found = next(&steps, &count)) > 0) {
        run(steps, count);
    }
    if (found < 0) {
        fprintf(stderr, "run: a recording is damaged, or not one of this network\n");
    }
    return found < 0 ? 2 : 0;
}
