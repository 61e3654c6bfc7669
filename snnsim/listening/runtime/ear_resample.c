/* Resampling to 24 kHz by a filter, in the direct form:
 *
 *     y[m] = sum over k of x[k] h[m down - k up + reach]        in the order of k
 *
 * x is 0 before the first and after the last sample.
 */
#include <stddef.h>
#include <string.h>

#include "ear.h"

const ear_rate *ear_rate_of(uint32_t rate)
{
    for (uint32_t number = 0; number < EAR_RATES; number++) {
        if (ear_rates[number].rate == rate) {
            return &ear_rates[number];
        }
    }
    return NULL;
}

void ear_resample_reset(ear_resampler *resampler, const ear_rate *rate)
{
    memset(resampler, 0, sizeof *resampler);
    resampler->rate = rate;
}

void ear_resample_feed(ear_resampler *resampler, double sample)
{
    resampler->waiting[resampler->taken % EAR_WAITING] = sample;
    resampler->taken++;
}

int ear_resample_next(ear_resampler *resampler, int ends, double *sample)
{
    const ear_rate *rate = resampler->rate;
    const uint64_t center = resampler->given * rate->down, last = (center + rate->reach) / rate->up;
    const uint64_t taken = resampler->taken, stop = last < taken ? last + 1 : taken;
    /* the first sample whose factor is one of the filter */
    uint64_t k = center > rate->reach ? (center - rate->reach + rate->up - 1) / rate->up : 0;
    double sum = 0.0;
    if (ends ? resampler->given * rate->down >= taken * rate->up : last >= taken) {
        return 0;
    }
    for (; k < stop; k++) {
        sum += resampler->waiting[k % EAR_WAITING] * rate->filter[center + rate->reach - k * rate->up];
    }
    resampler->given++;
    *sample = sum;
    return 1;
}
