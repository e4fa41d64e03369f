/*
 * An image classifier in INT8, written by Spotimes: python -m spotimes.export MODEL.tflite FOLDER.
 * 7,951,776 multiply-accumulates an inference.
 *
 * The image: 32 rows of 32 pixels of 3 channels (three: red, green and blue), from the top left,
 * a pixel's channels side by side. A value is a pixel's, 0 to 255, less 128; (int8_t)(value ^ 0x80)
 * is that. A picture of another size is resized to 32 x 32 pixels, whatever its sides.
 *
 * The output: a number for each class, in the order of spotimes_labels. Less -128, in 1/256, it is
 * the class's probability, so the largest one is the answer.
 *
 * The outputs are those of TensorFlow Lite Micro's reference kernels, byte for byte.
 *
 * RAM: SPOTIMES_RAM_BYTES, as one array that is not needed between two inferences, beside the image
 * and the output, which are the caller's, and some hundred bytes of stack. Only one inference can
 * run at a time. To place the array yourself, compile spotimes_model.c with SPOTIMES_OWN_ARENA
 * defined, and define: int32_t spotimes_arena[SPOTIMES_RAM_BYTES / 4].
 *
 * SPOTIMES_DSP, defined likewise, takes the DSP instructions of a Cortex-M4, M7 or M33.
 */
#ifndef SPOTIMES_MODEL_H
#define SPOTIMES_MODEL_H

#include <stdint.h>

#define SPOTIMES_INPUT_HEIGHT 32
#define SPOTIMES_INPUT_WIDTH 32
#define SPOTIMES_INPUT_CHANNELS 3
#define SPOTIMES_ROW_SIZE (SPOTIMES_INPUT_WIDTH * SPOTIMES_INPUT_CHANNELS)
#define SPOTIMES_INPUT_SIZE (SPOTIMES_INPUT_HEIGHT * SPOTIMES_ROW_SIZE)
#define SPOTIMES_CLASSES 10
#define SPOTIMES_RAM_BYTES 9504

#ifdef __cplusplus
extern "C" {
#endif

/* The classes' names, in UTF-8. */
extern const char *const spotimes_labels[SPOTIMES_CLASSES];

/* Classifies an image. */
void spotimes_infer(const int8_t input[SPOTIMES_INPUT_SIZE], int8_t output[SPOTIMES_CLASSES]);

/*
 * Fills in row y of the image; context is what spotimes_infer_rows was given. Each row is asked for
 * once, from the first to the last one, so they can come from a camera.
 */
typedef void (*spotimes_row_reader)(void *context, int32_t y, int8_t row[SPOTIMES_ROW_SIZE]);

/* Classifies an image that need not be in RAM. */
void spotimes_infer_rows(
    spotimes_row_reader read_row, void *context, int8_t output[SPOTIMES_CLASSES]);

/*
 * A picture of none of the classes gets an answer, too. A low score is the sign of one: where
 *
 *     spotimes_score(output) < SPOTIMES_UNKNOWN_BELOW
 *
 * say "unknown" instead of a class. The limit was set so that few pictures of the classes are
 * rejected; a higher one rejects more pictures of all kinds. The score is the mean over the classes
 * of -log2 of their probability, in sixteenths and times SPOTIMES_CLASSES.
 */
#define SPOTIMES_UNKNOWN_BELOW 933
int32_t spotimes_score(const int8_t output[SPOTIMES_CLASSES]);

#ifdef __cplusplus
}
#endif

#endif
