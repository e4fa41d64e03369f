/* Counts a timer's ticks by layer. */
#ifndef LAYERS_H
#define LAYERS_H

#include <stdint.h>

/* Reads the timer, and adds what has passed since it was last read to a layer, from 1 on, or to 0
 * for what lies between layers. */
void ticks_went_to(int32_t layer);

#define LAYER(number, call)    \
    do {                       \
        ticks_went_to(0);      \
        call;                  \
        ticks_went_to(number); \
    } while (0)

#endif
