/* Runs recordings: numbers of 32 bits from standard input to standard output, in the machine's byte order.
 *
 *     in     for each recording: steps, spikes, then step, channel and count of each spike in order
 *     out    for each step: how many neurons fired, which; the membranes of the readout. After the last one: the class
 */
#include <stdio.h>

#include "snn.h"

static snn_state state;

static int get(int32_t *value)
{
    return fread(value, sizeof *value, 1, stdin) == 1;
}

static void put(int32_t value)
{
    (void)fwrite(&value, sizeof value, 1, stdout);
}

/* Returns 1 and the step, channel and count of a spike, 0 if it is none of this network or before `first`. */
static int next(int32_t spike[3], int32_t first)
{
    return fread(spike, sizeof *spike, 3, stdin) == 3 && spike[0] >= first && spike[1] >= 0 &&
           spike[1] < SNN_CHANNELS && spike[2] >= 0 && spike[2] <= SNN_MOST_COUNT;
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

/* Returns 1, or 0 if the recording is damaged, or not one of this network. */
static int run(int32_t steps, int32_t count)
{
    int32_t spike[3] = {0, 0, 0}, waits = 0;
    snn_reset(&state);
    for (int32_t step = 0; step < steps; step++) {
        while (count > 0) {
            if (!waits && !next(spike, step)) {
                return 0;
            }
            waits = spike[0] > step;
            if (waits) {
                break;
            }
            snn_input(&state, (uint32_t)spike[1], (uint8_t)spike[2]);
            count--;
        }
        tell(snn_step(&state));
    }
    put(snn_choice(&state));
    return count == 0;
}

int main(void)
{
    int32_t steps, count;
    while (get(&steps)) {
        if (!get(&count) || !run(steps, count)) {
            fprintf(stderr, "run: a recording is damaged, or not one of this network\n");
            return 2;
        }
    }
    return 0;
}
