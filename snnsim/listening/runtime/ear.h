/* The inner-ear model of the training data: sound, sample by sample, becomes spikes on the steps of the network.
 *
 *     sound -> 24 kHz -> level and ramps -> basilar membrane -> hair cells -> fibers -> bushy cells -> steps
 *
 * The state has a fixed size, and no memory is allocated. Arithmetic is in doubles, in the order of the simulator; the
 * membrane alone has other roundings, as its Fourier transforms are others.
 *
 *     static ear_state ear;
 *     ear_reset(&ear, rate, level);            0 if the rate is none of ear_rates
 *     for each sample:
 *         if (ear_feed(&ear, sample)) ...      ear.ready steps are complete: ear.count[0] to ear.count[ear.ready - 1]
 *     while (ear_finish(&ear)) ...             the same, for the end of the sound
 *
 * A network has one step at least, and none after the last one with a spike; then come its extra steps.
 */
#ifndef EAR_H
#define EAR_H

#include <stdint.h>

#include "ear_tables.h"

#define EAR_BINS (EAR_SEGMENT / 2 + 1)
#define EAR_CELLS (EAR_PLACES * EAR_CELLS_PER_PLACE)
#define EAR_WAITING 64 /* samples that a filter of the resampling reaches over, at most */

typedef struct {
    double re, im;
} ear_complex;

/* What is subtracted from the samples, the largest distance from it, and a factor after the division by that. */
typedef struct {
    double mean, peak, gain;
} ear_level;

/* A rate of sound, which becomes 24 kHz by up / down. */
typedef struct {
    uint32_t rate, up, down, reach; /* the filter has 2 reach + 1 factors */
    const double *filter;
} ear_rate;

typedef struct {
    const ear_rate *rate;
    double waiting[EAR_WAITING]; /* a ring of the last samples */
    uint64_t taken, given;       /* samples before and after the resampling */
} ear_resampler;

typedef struct {
    uint64_t random;             /* state of the random numbers */
    double remaining, following; /* hazard until the next firing, and random number of the firing after it */
    double current, voltage;
    uint8_t ready;      /* fibers that are not refractory */
    uint8_t refractory; /* steps until the cell takes input again */
} ear_cell;

typedef struct {
    ear_resampler resampler;
    ear_level level;
    double held[EAR_RAMP];      /* a ring of the last samples, which could belong to the ramp at the end */
    float segment[EAR_SEGMENT]; /* sound that the membrane needs */
    uint32_t filled;            /* samples of the segment */
    uint32_t flushed;           /* samples of `held` that the end has given to the segment */
    uint64_t samples, end;      /* samples so far, and samples whose spikes are complete */
    ear_complex spectrum[EAR_BINS], work[2][EAR_SEGMENT];
    double hazard[EAR_HOP];
    uint8_t fired[EAR_REFRACTORY + EAR_HOP][EAR_CELLS_PER_PLACE];
    double stores[EAR_PLACES][3]; /* transmitter: free, in the cleft, being reprocessed */
    ear_cell cells[EAR_CELLS];
    uint8_t past[EAR_PLACES][EAR_REFRACTORY][EAR_CELLS_PER_PLACE]; /* firing fibers of the last steps */
    uint16_t count[EAR_SLOTS][EAR_CHANNELS];                       /* spikes of the steps from `step` on */
    int64_t step;
    uint32_t ready; /* steps of `count` that are complete */
} ear_state;

/* in ear_tables.c */
extern const ear_rate ear_rates[EAR_RATES];
extern const double ear_ramp[EAR_RAMP];            /* factors of the first samples; mirrored, of the last ones */
extern const double ear_turns[EAR_SEGMENT][2];     /* cosine and sine of 2 pi k / EAR_SEGMENT */
extern const uint32_t ear_first[EAR_PLACES + 1];   /* where the transfer function of each place starts */
extern const float ear_transfer[EAR_TRANSFER][2];  /* from 0 Hz on; below 1e-8 of the largest value it is left out */
extern const char *const ear_classes[EAR_CLASSES]; /* names */

/* Return a rate of ear_rates, or null. */
const ear_rate *ear_rate_of(uint32_t rate);

/* Begin the resampling. */
void ear_resample_reset(ear_resampler *resampler, const ear_rate *rate);

/* Take a sample. */
void ear_resample_feed(ear_resampler *resampler, double sample);

/* Return 1 and the next sample at 24 kHz, 0 if it needs further samples; at the end, these are zeros. */
int ear_resample_next(ear_resampler *resampler, int ends, double *sample);

/* Begin a recording; returns 0 if the rate is none of ear_rates. */
int ear_reset(ear_state *ear, uint32_t rate, ear_level level);

/* Take a sample, at most 1 in size; returns 1 if a segment is complete. */
int ear_feed(ear_state *ear, double sample);

/* End a recording of 2 EAR_RAMP samples at 24 kHz or more; returns 1 if a segment is complete, 0 after the last. */
int ear_finish(ear_state *ear);

/* Parts of the model: the velocity of two places, as the real and the imaginary part, and the cells of a place. */
const ear_complex *ear_velocity(ear_state *ear, uint32_t place);
void ear_spectrum(ear_state *ear);
void ear_rest(ear_state *ear);
void ear_place(ear_state *ear, uint32_t place, const ear_complex *velocity, int imaginary);

/* Return the step of the network that a step of the model, of 1 / 24,000 s, belongs to. */
int64_t ear_step_of(uint64_t time);

/* Count a spike of a bushy cell in its step of the network. */
void ear_spike(ear_state *ear, uint32_t cell, uint64_t time);

#endif
