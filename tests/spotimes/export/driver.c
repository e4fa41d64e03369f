/* Classifies the images on standard input, in both ways, and writes the outputs. */
#include <stdio.h>

#include "spotimes_model.h"

#if defined(SPOTIMES_OWN_ARENA)
int32_t spotimes_arena[SPOTIMES_RAM_BYTES / 4];
#endif

static void read_row(void *context, int32_t y, int8_t row[SPOTIMES_ROW_SIZE])
{
    const int8_t *image = context;
    int32_t index;
    for (index = 0; index < SPOTIMES_ROW_SIZE; ++index) {
        row[index] = image[y * SPOTIMES_ROW_SIZE + index];
    }
}

int main(void)
{
    static int8_t input[SPOTIMES_INPUT_SIZE], output[SPOTIMES_CLASSES];
    while (fread(input, 1, sizeof input, stdin) == sizeof input) {
        spotimes_infer(input, output);
        fwrite(output, 1, sizeof output, stdout);
        spotimes_infer_rows(read_row, input, output);
        fwrite(output, 1, sizeof output, stdout);
    }
    return 0;
}
