/* Written by Spotimes; spotimes_tflite.h says how to use it. */
#include "spotimes_tflite.h"

#if defined(__GNUC__)
__attribute__((aligned(16)))
#elif defined(_MSC_VER)
__declspec(align(16))
#endif
@model@
