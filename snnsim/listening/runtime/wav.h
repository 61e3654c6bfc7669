/* A WAV of 16 bits and one channel, sample by sample. */
#ifndef WAV_H
#define WAV_H

#include <stdint.h>
#include <stdio.h>

typedef struct {
    FILE *file;
    const char *wrong; /* what must hold and does not */
    uint32_t rate;     /* samples per second */
    uint32_t left;     /* bytes of samples that are to come */
    int endless;       /* whether the header has no length, so that the sound ends with the file */
} wav_sound;

/* Read the header up to the samples; returns 0 if it is of another kind. */
int wav_begin(wav_sound *wav, FILE *file);

/* Return 1 and a sample, 0 at the end, -1 if the file ends earlier than its header says. */
int wav_next(wav_sound *wav, int16_t *sample);

/* A sample in the range -1 to 1. */
double wav_value(int16_t sample);

#endif
