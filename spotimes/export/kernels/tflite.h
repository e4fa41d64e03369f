/*
 * An image classifier for TensorFlow Lite Micro, written by Spotimes. The same model needs no
 * interpreter, and a third of the RAM, as spotimes_model.c.
 */
#ifndef SPOTIMES_TFLITE_H
#define SPOTIMES_TFLITE_H

#include <stdint.h>

/* Measured on a machine of 64 bits, so one of 32 bits needs a little less. */
@arena@
#define SPOTIMES_TFLITE_BYTES @bytes@
#define SPOTIMES_TFLITE_OPERATORS @count@

#ifdef __cplusplus
extern "C" {
#endif

/* The .tflite file, at a multiple of 16 bytes. */
extern const uint8_t spotimes_tflite[SPOTIMES_TFLITE_BYTES];

#ifdef __cplusplus
}

/* Registers its operators with a tflite::MicroMutableOpResolver<SPOTIMES_TFLITE_OPERATORS>. */
template <typename Resolver>
void spotimes_add_operators(Resolver &resolver)
{
@operators@
}
#endif

#endif
