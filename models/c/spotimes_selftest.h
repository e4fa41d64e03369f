/*
 * A test of spotimes_model.c on the device, with pictures of the model's own dataset. It can be left
 * out: nothing needs it.
 */
#ifndef SPOTIMES_SELFTEST_H
#define SPOTIMES_SELFTEST_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Classifies each picture; 0, or the number of the first whose output is not as it should be. */
int32_t spotimes_selftest(void);

#ifdef __cplusplus
}
#endif

#endif
