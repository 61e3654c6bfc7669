/* Listens to a WAV on standard input, piece by piece, and prints the decision so far, and at last that of the network.
 *
 *     listen < word.wav                  the level is that of the whole sound, which is read first, as in training
 *     listen --level MEAN PEAK GAIN      the level is known, so that sound is heard as it comes
 *     listen --print-level               prints the level of the sound, and hears nothing
 *     listen --events                    prints the input of the network: step, channel and count
 *
 * The sound has 16 bits and one channel. With a header without a length, as of live sound, it ends with the input.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ear.h"
#include "snn.h"
#include "wav.h"

#define MOST_SAMPLES (EAR_LONGEST_S * EAR_FASTEST)

typedef struct {
    int events, prints_level, has_level;
    ear_level level;
} options;

static ear_state ear;
static snn_state state;
static int16_t sound[MOST_SAMPLES];
static uint32_t silent, steps;
static unsigned long heard, fired;

static int refuse(const char *reason)
{
    fprintf(stderr, "listen: %s\n", reason);
    return 2;
}

/* A step of the network with the input of a complete step of the ear; null is a step without input. */
static void step(const uint16_t *count, int prints)
{
    for (uint32_t channel = 0; count != NULL && channel < EAR_CHANNELS; channel++) {
        if (count[channel] > 0 && prints) {
            printf("%lu %lu %u\n", (unsigned long)steps, (unsigned long)channel, (unsigned)count[channel]);
        }
        for (uint32_t left = count[channel]; left > 0; left--) {
            snn_input(&state, channel, 1);
            heard++;
        }
    }
    fired += snn_step(&state);
    steps++;
}

/* Steps without a spike wait until a later one comes, as a recording ends with its last spike. */
static void take(const options *chosen)
{
    for (uint32_t row = 0; row < ear.ready; row++) {
        uint32_t spikes = 0;
        for (uint32_t channel = 0; channel < EAR_CHANNELS; channel++) {
            spikes += ear.count[row][channel];
        }
        silent++;
        if (spikes > 0) {
            for (; silent > 1; silent--) {
                step(NULL, 0);
            }
            step(ear.count[row], chosen->events);
            silent = 0;
        }
    }
    if (!chosen->events) {
        const uint64_t known = ear.end < ear.samples ? ear.end : ear.samples;
        const int32_t choice = heard > 0 ? snn_choice(&state) : -1;
        const char *const name = choice < 0 ? "" : ear_classes[choice];
        printf("%6.2f s %7lu %7lu  %s\n", (double)known / EAR_RATE, heard, fired, name);
        (void)fflush(stdout);
    }
}

/* The level of a sound, in three passes: mean, largest distance from it, root of the mean square. */
static ear_level measured(const ear_rate *rate, uint32_t count)
{
    ear_level level = {0.0, 1.0, 0.0};
    double sum = 0.0, squares = 0.0, peak = 0.0, value;
    for (int pass = 0; pass < 3; pass++) {
        ear_resampler resampler;
        ear_resample_reset(&resampler, rate);
        for (uint32_t number = 0; number <= count; number++) {
            if (number < count) {
                ear_resample_feed(&resampler, wav_value(sound[number]));
            }
            while (ear_resample_next(&resampler, number == count, &value)) {
                const double distance = value > level.mean ? value - level.mean : level.mean - value;
                sum += pass == 0 ? value : 0.0;
                peak = pass == 1 && distance > peak ? distance : peak;
                squares += pass == 2 ? distance / level.peak * (distance / level.peak) : 0.0;
            }
        }
        level.mean = sum / (double)resampler.given;
        level.peak = peak;
        level.gain = squares > 0.0 ? EAR_RMS / sqrt(squares / (double)resampler.given) : 0.0;
    }
    return level;
}

/* Samples at this level fit into numbers of 32 bits. */
static int usable(ear_level level)
{
    return fabs(level.mean) <= 1.0 && level.peak >= 1e-9 && level.peak <= 3.0 && level.gain > 0.0 && level.gain <= 1e6;
}

static int parsed(int count, char **words, options *chosen)
{
    char *end = NULL;
    for (int k = 1; k < count; k++) {
        if (strcmp(words[k], "--events") == 0) {
            chosen->events = 1;
        } else if (strcmp(words[k], "--print-level") == 0) {
            chosen->prints_level = 1;
        } else if (strcmp(words[k], "--level") == 0 && k + 3 < count) {
            double *const numbers[3] = {&chosen->level.mean, &chosen->level.peak, &chosen->level.gain};
            for (int number = 0; number < 3; number++) {
                *numbers[number] = strtod(words[++k], &end);
                if (*end != '\0' || end == words[k]) {
                    return 0;
                }
            }
            chosen->has_level = 1;
            if (!usable(chosen->level)) {
                return 0;
            }
        } else {
            return 0;
        }
    }
    return 1;
}

/* Read the whole sound; returns 0 and its length, or an exit status. */
static int stored(wav_sound *wav, uint32_t *count)
{
    int found = 0;
    int16_t value = 0;
    for (*count = 0; (found = wav_next(wav, &value)) > 0; ++*count) {
        if (*count == EAR_LONGEST_S * wav->rate) {
            return refuse("the sound must last at most " EAR_LONGEST_TEXT " s; cut it into utterances");
        }
        sound[*count] = value;
    }
    return found < 0 ? refuse(wav->wrong) : 0;
}

/* Hear a sample, or the end after the last one. */
static int fed(const options *chosen, int16_t value)
{
    if (ear_feed(&ear, wav_value(value))) {
        take(chosen);
    }
    return ear.samples <= (uint64_t)EAR_LONGEST_S * EAR_RATE;
}

static int finished(const options *chosen)
{
    while (ear_finish(&ear)) {
        take(chosen);
    }
    if (steps == 0) {
        step(NULL, 0);
    }
    for (uint32_t extra = 0; extra < SNN_EXTRA_STEPS; extra++) {
        step(NULL, 0);
    }
    const int32_t choice = snn_choice(&state);
    if (!chosen->events) {
        printf("%s: class %ld, ", ear_classes[choice], (long)choice);
        printf("%lu input spikes, %lu spikes, %lu steps\n", heard, fired, (unsigned long)steps);
    }
    return fflush(stdout) == 0 ? 0 : refuse("the output could not be written");
}

static int listened(const options *chosen, wav_sound *wav, uint32_t count)
{
    int found = 1, fits = 1;
    int16_t value = 0;
    (void)ear_reset(&ear, wav->rate, chosen->level);
    snn_reset(&state);
    for (uint32_t number = 0; fits && !chosen->has_level && number < count; number++) {
        fits = fed(chosen, sound[number]);
    }
    while (fits && chosen->has_level && (found = wav_next(wav, &value)) > 0) {
        fits = fed(chosen, value);
    }
    if (found < 0) {
        return refuse(wav->wrong);
    }
    if (!fits) {
        return refuse("the sound must last at most " EAR_LONGEST_TEXT " s; cut it into utterances");
    }
    if (ear.samples < 2 * EAR_RAMP) {
        return refuse("the sound must last at least 0.06 s, the two ramps of the inner-ear model");
    }
    return finished(chosen);
}

/* Read the whole sound, and take its level; returns 0, or an exit status. */
static int leveled(options *chosen, wav_sound *wav, uint32_t *count)
{
    const int status = stored(wav, count);
    if (status != 0) {
        return status;
    }
    chosen->level = measured(ear_rate_of(wav->rate), *count);
    return usable(chosen->level) ? 0 : refuse("the file must hold a sound; it has no samples, or all are equal");
}

int main(int count, char **words)
{
    options chosen = {0, 0, 0, {0.0, 0.0, 0.0}};
    wav_sound wav;
    uint32_t samples = 0;
    if (!parsed(count, words, &chosen)) {
        return refuse("usage: listen [--level MEAN PEAK GAIN] [--print-level] [--events] < FILE.wav; "
                      "mean, peak and gain are those of --print-level");
    }
    if (!wav_begin(&wav, stdin)) {
        return refuse(wav.wrong);
    }
    if (ear_rate_of(wav.rate) == NULL) {
        return refuse("the rate must be one of " EAR_RATES_TEXT " samples per second; convert the file");
    }
    const int status = chosen.has_level ? 0 : leveled(&chosen, &wav, &samples);
    if (status != 0) {
        return status;
    }
    if (chosen.prints_level) {
        printf("%.17g %.17g %.17g\n", chosen.level.mean, chosen.level.peak, chosen.level.gain);
        return 0;
    }
    return listened(&chosen, &wav, samples);
}
