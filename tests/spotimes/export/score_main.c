/* Writes the score of each output on standard input, and whether that is of no class. */
#include <stdio.h>

#include "spotimes_model.h"

int main(void)
{
    int8_t output[SPOTIMES_CLASSES];
    while (fread(output, 1, sizeof output, stdin) == sizeof output) {
        const long score = spotimes_score(output);
        printf("%ld %d\n", score, score < SPOTIMES_UNKNOWN_BELOW);
    }
    return 0;
}
