/* Hair cells, fibers and bushy cells of a place of the membrane, in a piece of EAR_HOP steps.
 *
 *     hair cell    releases transmitter as the membrane moves; -log(1 - p) is the hazard of a fiber in a step
 *     fibers       the next firing comes when the summed hazard of the ready ones reaches an exponential random number;
 *                  after it, a fiber is not ready for a millisecond
 *     bushy cell   sums the firings of its fibers, spikes at a voltage of 1, and then rests for a millisecond
 *
 * Random numbers are those of SplitMix64, from the seed and the number of the cell.
 */
#include <math.h>
#include <string.h>

#include "ear.h"

#define GAMMA UINT64_C(0x9E3779B97F4A7C15)

static uint64_t mixed(uint64_t bits)
{
    bits = (bits ^ (bits >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    bits = (bits ^ (bits >> 27)) * UINT64_C(0x94D049BB133111EB);
    return bits ^ (bits >> 31);
}

/* A random number of a state, exponentially distributed with mean 1; 53 bits, moved by half a step: never log(0). */
static double exponential(uint64_t state)
{
    return -log(((double)(mixed(state) >> 11) + 0.5) * 0x1p-53);
}

void ear_rest(ear_state *ear)
{
    for (uint32_t number = 0; number < EAR_CELLS; number++) {
        ear_cell *cell = &ear->cells[number];
        const uint64_t state = mixed(mixed(EAR_SEED + GAMMA) + number);
        cell->remaining = exponential(state);
        cell->random = state + GAMMA;
        cell->following = exponential(cell->random);
        cell->ready = EAR_FIBERS;
    }
    for (uint32_t place = 0; place < EAR_PLACES; place++) {
        ear->stores[place][0] = EAR_REST_FREE;
        ear->stores[place][1] = EAR_REST_CLEFT;
        ear->stores[place][2] = EAR_REST_REPROCESSED;
    }
}

static void hair_cell(ear_state *ear, uint32_t place, const ear_complex *velocity, int imaginary)
{
    double unused = ear->stores[place][0], cleft = ear->stores[place][1], reprocessed = ear->stores[place][2];
    for (uint32_t step = 0; step < EAR_HOP; step++) {
        /* the simulator has velocities of 32 bits */
        const float moved = (float)(imaginary ? velocity[step].im : velocity[step].re);
        const double shifted = (double)moved + EAR_A, drive = shifted > 0.0 ? shifted : 0.0;
        const double released = EAR_G * drive / (drive + EAR_B) * unused;
        const double returned = EAR_X * reprocessed, lacking = EAR_M - unused;
        unused = unused + (EAR_Y * (lacking > 0.0 ? lacking : 0.0) + returned - released);
        reprocessed = reprocessed + (EAR_R * cleft - returned);
        cleft += released - EAR_L_AND_R * cleft;
        ear->hazard[step] = cleft;
    }
    for (uint32_t step = 0; step < EAR_HOP; step++) {
        ear->hazard[step] = -log1p(-EAR_FIRE * ear->hazard[step]);
    }
    ear->stores[place][0] = unused;
    ear->stores[place][1] = cleft;
    ear->stores[place][2] = reprocessed;
}

static void fire(ear_state *ear, uint32_t number, uint32_t column)
{
    ear_cell *cell = &ear->cells[number];
    double remaining = cell->remaining;
    uint8_t ready = cell->ready;
    for (uint32_t step = 0; step < EAR_HOP; step++) {
        uint8_t firing = 0;
        ready = (uint8_t)(ready + ear->fired[step][column]);
        remaining -= ready * ear->hazard[step];
        while (remaining <= 0.0) {
            const double overshoot = remaining / ready;
            ready--;
            firing++;
            remaining = cell->following + ready * overshoot;
            cell->random += GAMMA;
            cell->following = exponential(cell->random);
        }
        ear->fired[EAR_REFRACTORY + step][column] = firing;
    }
    cell->remaining = remaining;
    cell->ready = ready;
}

static void integrate(ear_state *ear, uint32_t number, uint32_t column)
{
    ear_cell *cell = &ear->cells[number];
    double current = cell->current, voltage = cell->voltage;
    uint8_t refractory = cell->refractory;
    for (uint32_t step = 0; step < EAR_HOP; step++) {
        current = current * EAR_SYNAPSE_DECAY + ear->fired[EAR_REFRACTORY + step][column];
        if (refractory > 0) {
            refractory--;
            continue;
        }
        voltage = voltage * EAR_MEMBRANE_DECAY + current * EAR_BUSHY_WEIGHT;
        if (voltage >= 1.0) {
            ear_spike(ear, number, ear->end + step);
            voltage = 0.0;
            refractory = EAR_REFRACTORY;
        }
    }
    cell->current = current;
    cell->voltage = voltage;
    cell->refractory = refractory;
}

void ear_place(ear_state *ear, uint32_t place, const ear_complex *velocity, int imaginary)
{
    memcpy(ear->fired, ear->past[place], sizeof ear->past[place]);
    hair_cell(ear, place, velocity, imaginary);
    for (uint32_t column = 0; column < EAR_CELLS_PER_PLACE; column++) {
        fire(ear, place * EAR_CELLS_PER_PLACE + column, column);
        integrate(ear, place * EAR_CELLS_PER_PLACE + column, column);
    }
    memcpy(ear->past[place], ear->fired[EAR_HOP], sizeof ear->past[place]);
}
