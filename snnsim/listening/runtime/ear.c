#include "ear.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

int ear_reset(ear_state *ear, uint32_t rate, ear_level level)
{
    const ear_rate *known = ear_rate_of(rate);
    if (known == NULL) {
        return 0;
    }
    memset(ear, 0, sizeof *ear);
    ear_resample_reset(&ear->resampler, known);
    ear->level = level;
    ear->filled = EAR_LAG;
    ear_rest(ear);
    return 1;
}

/* The nearest number with 11 bits, or of the smallest step 2^-24, as files of the training data have times. */
static double half(double seconds)
{
    int exponent = 0;
    (void)frexp(seconds, &exponent);
    const int unit = exponent - 11 > -24 ? exponent - 11 : -24;
    return ldexp(rint(ldexp(seconds, -unit)), unit);
}

int64_t ear_step_of(uint64_t time)
{
    const float milliseconds = (float)half((double)time / EAR_RATE) * 1000.0f;
    const double x = (double)milliseconds / EAR_STEP_MS, tolerance = 0x1p-22 * x;
    return (int64_t)floor(x + (tolerance < 0.25 ? tolerance : 0.25));
}

void ear_spike(ear_state *ear, uint32_t cell, uint64_t time)
{
    const int64_t slot = ear_step_of(time) - ear->step;
    if (time < ear->samples && slot < EAR_SLOTS) {
        ear->count[slot][cell / EAR_CELLS_PER_CHANNEL]++;
    }
}

/* Leave out the complete steps, which the caller has taken. */
static void forget(ear_state *ear)
{
    const uint32_t kept = EAR_SLOTS - ear->ready;
    memmove(ear->count[0], ear->count[ear->ready], kept * sizeof ear->count[0]);
    memset(ear->count[kept], 0, ear->ready * sizeof ear->count[0]);
    ear->step += ear->ready;
    ear->ready = 0;
}

static void complete(ear_state *ear)
{
    ear_spectrum(ear);
    for (uint32_t place = 0; place < EAR_PLACES; place += 2) {
        const ear_complex *velocity = ear_velocity(ear, place);
        ear_place(ear, place, velocity, 0);
        if (place + 1 < EAR_PLACES) {
            ear_place(ear, place + 1, velocity, 1);
        }
    }
    ear->end += EAR_HOP;
    ear->filled = EAR_SEGMENT - EAR_HOP;
    memmove(ear->segment, ear->segment + EAR_HOP, ear->filled * sizeof ear->segment[0]);
}

static int push(ear_state *ear, double sound)
{
    ear->segment[ear->filled] = (float)sound;
    ear->filled++;
    return ear->filled == EAR_SEGMENT;
}

/* Take a sample at 24 kHz. */
static int hear(ear_state *ear, double sample)
{
    const uint64_t place = ear->samples % EAR_RAMP;
    double leveled = (sample - ear->level.mean) / ear->level.peak * ear->level.gain;
    const double oldest = ear->held[place];
    if (ear->samples < EAR_RAMP) {
        leveled *= ear_ramp[ear->samples];
    }
    ear->held[place] = leveled;
    ear->samples++;
    return ear->samples > EAR_RAMP && push(ear, oldest);
}

static int feed(ear_state *ear, int ends)
{
    double sample;
    int full = 0;
    while (!full && ear_resample_next(&ear->resampler, ends, &sample)) {
        full = hear(ear, sample);
    }
    if (full) {
        forget(ear);
        complete(ear);
        ear->ready = (uint32_t)(ear_step_of(ear->end) - ear->step);
    }
    return full;
}

int ear_feed(ear_state *ear, double sample)
{
    ear_resample_feed(&ear->resampler, sample);
    return feed(ear, 0);
}

int ear_finish(ear_state *ear)
{
    int full = feed(ear, 1);
    if (full) {
        return 1;
    }
    if (ear->end >= ear->samples) {
        return 0;
    }
    while (!full) {
        const uint64_t place = (ear->samples + ear->flushed) % EAR_RAMP;
        const uint32_t number = ear->flushed;
        full = push(ear, number < EAR_RAMP ? ear->held[place] * ear_ramp[EAR_RAMP - 1 - number] : 0.0);
        ear->flushed += number < EAR_RAMP;
    }
    forget(ear);
    complete(ear);
    ear->ready = ear->end >= ear->samples ? EAR_SLOTS : (uint32_t)(ear_step_of(ear->end) - ear->step);
    return 1;
}
