/* The basilar membrane in a segment of sound: its spectrum, times the transfer function of a place, back to time.
 *
 *     X[j] = sum over k of x[k] e^(2 pi i j k / N)        N = EAR_SEGMENT, a power of 4; not divided by N
 *
 * The velocities of two places are the real and the imaginary part of one transform.
 */
#include "ear.h"

static ear_complex plus(ear_complex a, ear_complex b)
{
    const ear_complex sum = {a.re + b.re, a.im + b.im};
    return sum;
}

static ear_complex minus(ear_complex a, ear_complex b)
{
    const ear_complex difference = {a.re - b.re, a.im - b.im};
    return difference;
}

static ear_complex turned(ear_complex a, const double turn[2])
{
    const ear_complex product = {a.re * turn[0] - a.im * turn[1], a.re * turn[1] + a.im * turn[0]};
    return product;
}

/* One stage of the transform: `runs` groups of 4 parts become groups of a quarter of their size. */
static void stage(const ear_complex *from, ear_complex *to, uint32_t size, uint32_t runs)
{
    const uint32_t quarter = size / 4, part = quarter * runs;
    for (uint32_t group = 0; group < quarter; group++) {
        const double *first = ear_turns[group * runs];
        const double *second = ear_turns[2 * group * runs];
        const double *third = ear_turns[3 * group * runs];
        const ear_complex *in = from + group * runs;
        ear_complex *out = to + 4 * group * runs;
        for (uint32_t run = 0; run < runs; run++) {
            const ear_complex even = plus(in[run], in[run + 2 * part]), odd = plus(in[run + part], in[run + 3 * part]);
            const ear_complex gap = minus(in[run], in[run + 2 * part]);
            const ear_complex side = minus(in[run + part], in[run + 3 * part]);
            const ear_complex quarter_turn = {-side.im, side.re};
            out[run] = plus(even, odd);
            out[run + runs] = turned(plus(gap, quarter_turn), first);
            out[run + 2 * runs] = turned(minus(even, odd), second);
            out[run + 3 * runs] = turned(minus(gap, quarter_turn), third);
        }
    }
}

/* Transform work[0], and return where the result is. */
static const ear_complex *transform(ear_state *ear)
{
    uint32_t from = 0;
    for (uint32_t size = EAR_SEGMENT; size > 1; size /= 4, from = !from) {
        stage(ear->work[from], ear->work[!from], size, EAR_SEGMENT / size);
    }
    return ear->work[from];
}

/* The transform of real numbers with the other sign of i is the conjugate of this one. */
void ear_spectrum(ear_state *ear)
{
    for (uint32_t sample = 0; sample < EAR_SEGMENT; sample++) {
        const ear_complex real = {(double)ear->segment[sample], 0.0};
        ear->work[0][sample] = real;
    }
    const ear_complex *result = transform(ear);
    for (uint32_t bin = 0; bin < EAR_BINS; bin++) {
        ear->spectrum[bin].re = result[bin].re / EAR_SEGMENT;
        ear->spectrum[bin].im = -result[bin].im / EAR_SEGMENT;
    }
}

/* The spectrum of the velocity at a place; that of a real signal has no imaginary part at both ends. */
static ear_complex velocity_at(const ear_state *ear, uint32_t place, uint32_t bin)
{
    ear_complex value = {0.0, 0.0};
    if (place < EAR_PLACES && bin < ear_first[place + 1] - ear_first[place]) {
        const float *factor = ear_transfer[ear_first[place] + bin];
        const double turn[2] = {(double)factor[0], (double)factor[1]};
        value = turned(ear->spectrum[bin], turn);
    }
    if (bin == 0 || bin == EAR_SEGMENT / 2) {
        value.im = 0.0;
    }
    return value;
}

const ear_complex *ear_velocity(ear_state *ear, uint32_t place)
{
    ear_complex *both = ear->work[0];
    for (uint32_t bin = 0; bin < EAR_BINS; bin++) {
        const ear_complex a = velocity_at(ear, place, bin), b = velocity_at(ear, place + 1, bin);
        const ear_complex sum = {a.re - b.im, a.im + b.re}, mirrored = {a.re + b.im, b.re - a.im};
        both[bin] = sum;
        if (bin > 0 && bin < EAR_SEGMENT / 2) {
            both[EAR_SEGMENT - bin] = mirrored;
        }
    }
    return transform(ear) + EAR_LAG;
}
