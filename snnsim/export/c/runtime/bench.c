/* Prints how fast the recording of golden.h runs, against the time it lasts, and what the state takes. */
#include <stdio.h>
#include <time.h>

#include "golden.h"
#include "snn.h"

static snn_state state;

static void run(void)
{
    uint32_t event = 0;
    snn_reset(&state);
    for (uint32_t step = 0; step < GOLDEN_STEPS; step++) {
        for (; golden_event[event].step == step; event++) {
            snn_input(&state, golden_event[event].number, golden_event[event].count);
        }
        (void)snn_step(&state);
    }
}

int main(void)
{
    double recordings = 0, seconds = 0;
    const clock_t began = clock();
    while (seconds < 1) {
        run();
        recordings++;
        seconds = (double)(clock() - began) / CLOCKS_PER_SEC;
    }
    printf("%.0f steps of %.3f ms in %.3f s: %.2f us a step, %.0f times as fast as real time\n",
           recordings * GOLDEN_STEPS, SNN_STEP_US / 1e3, seconds, 1e6 * seconds / (recordings * GOLDEN_STEPS),
           recordings * GOLDEN_STEPS * SNN_STEP_US / (1e6 * seconds));
    printf("state: %lu bytes\n", (unsigned long)sizeof state);
    return 0;
}
