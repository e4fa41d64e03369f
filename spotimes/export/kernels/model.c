/*
 * An image classifier in INT8, written by Spotimes; spotimes_model.h says how to use it.
 *
 * First come the kernels, one a kind of layer; then the layers, with their constants; then the
 * steps of an inference. A step computes one or several layers row by row, each row as late as it
 * can be, so that only a few rows of the feature maps in between are in RAM.
 */
#include "spotimes_model.h"

#include <stddef.h>
#include <string.h>

#if defined(SPOTIMES_DSP)
#include <arm_acle.h>
#endif

#if defined(SPOTIMES_OWN_ARENA)
extern int32_t spotimes_arena[SPOTIMES_RAM_BYTES / 4];
#else
static int32_t spotimes_arena[SPOTIMES_RAM_BYTES / 4];
#endif
