/*
 * Stands in for deploy/microcontroller/main.c: classifies a picture, and prints how many
 * instructions each layer took.
 */
#include "layers.h"

#include "semihosting.h"
#include "spotimes_model.h"

#define SYSTICK_CONTROL (*(volatile uint32_t *)0xE000E010)
#define SYSTICK_RELOAD (*(volatile uint32_t *)0xE000E014)
#define SYSTICK_VALUE (*(volatile uint32_t *)0xE000E018)
#define MOST_TICKS 0xFFFFFFu

static uint64_t ticks[LAYERS + 1];
static uint32_t last_tick;

void ticks_went_to(int32_t layer)
{
    const uint32_t now = SYSTICK_VALUE;
    ticks[layer] += (last_tick - now) & MOST_TICKS; /* it counts down */
    last_tick = now;
}

static void read_row(void *context, int32_t y, int8_t row[SPOTIMES_ROW_SIZE])
{
    const int32_t *const file = context;
    int32_t index;
    (void)y;
    if (read_file(*file, row, SPOTIMES_ROW_SIZE) != 0) {
        end_program(0);
    }
    for (index = 0; index < SPOTIMES_ROW_SIZE; ++index) {
        row[index] = (int8_t)((uint8_t)row[index] ^ 0x80);
    }
}

int main(void)
{
    static int8_t output[SPOTIMES_CLASSES];
    int32_t file = open_argument(), layer;
    SYSTICK_RELOAD = MOST_TICKS;
    SYSTICK_VALUE = 0;
    SYSTICK_CONTROL = 5; /* on, by the processor's clock */
    spotimes_infer_rows(read_row, &file, output);
    for (layer = 1; layer <= LAYERS; ++layer) {
        const uint64_t nanoseconds = ticks[layer] * 1000000000 / TICKS_PER_SECOND;
        print_number((int32_t)(nanoseconds / NANOSECONDS));
        print("\n");
    }
    end_program(1);
    return 0;
}
