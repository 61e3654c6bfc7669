/* Self-test: a recording of golden.h must give the spikes, the last state and the class that are written there. */
#include <stdio.h>

#include "golden.h"
#include "snn.h"

static snn_state state;

int main(void)
{
    uint32_t event = 0, spike = 0, wrong = 0;
    snn_reset(&state);
    for (uint32_t step = 0; step < GOLDEN_STEPS; step++) {
        for (; golden_event[event].step == step; event++) {
            snn_input(&state, golden_event[event].number, golden_event[event].count);
        }
        (void)snn_step(&state);
        for (uint32_t neuron = 0; neuron < SNN_NEURONS; neuron++) {
            const int expected = golden_spike[spike].step == step && golden_spike[spike].number == neuron;
            wrong += state.fired[neuron] != (uint8_t)expected;
            spike += (uint32_t)expected;
        }
    }
    for (uint32_t neuron = 0; neuron < SNN_NEURONS; neuron++) {
        wrong += state.voltage[neuron] != golden_voltage[neuron];
#if SNN_HAS_SECOND
        wrong += state.second[neuron] != golden_second[neuron];
#endif
    }
    wrong += spike != GOLDEN_SPIKES;
    wrong += GOLDEN_CHOICE >= 0 && snn_choice(&state) != GOLDEN_CHOICE;
    printf("%s: %lu of %lu spikes, %lu differences\n", wrong ? "FAILED" : "passed", (unsigned long)spike,
           (unsigned long)GOLDEN_SPIKES, (unsigned long)wrong);
    return wrong != 0;
}
