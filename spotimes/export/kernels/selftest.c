/* Written by Spotimes; spotimes_selftest.h says how to use it. */
#include "spotimes_selftest.h"

#include <string.h>

#include "spotimes_model.h"

#define PICTURES @count@

@pictures@
@outputs@
int32_t spotimes_selftest(void)
{
    int32_t number;
    for (number = 0; number < PICTURES; ++number) {
        int8_t output[SPOTIMES_CLASSES];
        spotimes_infer(pictures + number * SPOTIMES_INPUT_SIZE, output);
        if (memcmp(output, outputs + number * SPOTIMES_CLASSES, SPOTIMES_CLASSES) != 0) {
            return number + 1;
        }
    }
    return 0;
}
