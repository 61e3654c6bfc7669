#include "wav.h"

#include <string.h>

#define PCM 1
/* programs that record live write 0, or a length near to the most */
#define NO_LENGTH 0x7FFFF000u

static int bytes(wav_sound *wav, uint8_t *to, size_t count)
{
    if (fread(to, 1, count, wav->file) == count) {
        return 1;
    }
    wav->wrong = "standard input must be a WAV; it ends within its header";
    return 0;
}

/* Whole numbers of a WAV have their smallest byte first. */
static uint32_t number(const uint8_t *from, uint32_t count)
{
    uint32_t value = 0;
    for (uint32_t k = count; k > 0; k--) {
        value = value << 8 | from[k - 1];
    }
    return value;
}

static int skip(wav_sound *wav, uint32_t count)
{
    uint8_t byte;
    for (uint32_t k = 0; k < count; k++) {
        if (!bytes(wav, &byte, 1)) {
            return 0;
        }
    }
    return 1;
}

static int format(wav_sound *wav, uint32_t size)
{
    uint8_t field[16];
    if (size < sizeof field) {
        wav->wrong = "the format of a WAV must have 16 bytes or more; it has fewer, so the file is damaged";
        return 0;
    }
    if (!bytes(wav, field, sizeof field)) {
        return 0;
    }
    wav->rate = number(field + 4, 4);
    if (number(field, 2) != PCM || number(field + 2, 2) != 1 || number(field + 14, 2) != 16) {
        wav->wrong = "a WAV must have whole numbers of 16 bits and one channel (PCM, mono); convert the file";
        return 0;
    }
    /* the parts of a WAV begin at even places */
    return skip(wav, size - (uint32_t)sizeof field + (size & 1));
}

int wav_begin(wav_sound *wav, FILE *file)
{
    uint8_t head[12];
    memset(wav, 0, sizeof *wav);
    wav->file = file;
    if (!bytes(wav, head, 12)) {
        return 0;
    }
    if (memcmp(head, "RIFF", 4) != 0 || memcmp(head + 8, "WAVE", 4) != 0) {
        wav->wrong = "standard input must be a WAV; it begins with other bytes";
        return 0;
    }
    while (bytes(wav, head, 8)) {
        const uint32_t size = number(head + 4, 4);
        if (memcmp(head, "data", 4) == 0) {
            wav->endless = size == 0 || size >= NO_LENGTH;
            wav->left = size;
            wav->wrong = "a WAV must have its format before its samples, and a whole number of samples; it is damaged";
            return wav->rate > 0 && (wav->endless || size % 2 == 0);
        }
        if (memcmp(head, "fmt ", 4) == 0) {
            if (!format(wav, size)) {
                return 0;
            }
        } else if (size >= NO_LENGTH || !skip(wav, size + (size & 1))) {
            wav->wrong = "standard input must be a WAV; it ends within its header";
            return 0;
        }
    }
    return 0;
}

int wav_next(wav_sound *wav, int16_t *sample)
{
    uint8_t field[2];
    if (!wav->endless && wav->left == 0) {
        return 0;
    }
    if (fread(field, 1, 2, wav->file) != 2) {
        wav->wrong = "the sound must be complete; the file ends earlier than its header says";
        return wav->endless ? 0 : -1;
    }
    wav->left -= 2;
    const int32_t value = (int32_t)number(field, 2);
    *sample = (int16_t)(value < 32768 ? value : value - 65536);
    return 1;
}

double wav_value(int16_t sample)
{
    return (double)sample / 32768.0;
}
