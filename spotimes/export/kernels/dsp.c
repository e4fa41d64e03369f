#if defined(SPOTIMES_DSP)
/* Four bytes at once; even() makes 16 bits of the first and third, odd() of the others. */
static uint32_t four(const int8_t *bytes)
{
    uint32_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

static int16x2_t even(uint32_t word)
{
    return __sxtb16((int8x4_t)word);
}

static int16x2_t odd(uint32_t word)
{
    int16x2_t halves; /* the instruction can rotate, the intrinsic cannot */
    __asm__("sxtb16 %0, %1, ror #8" : "=r"(halves) : "r"(word));
    return halves;
}
#endif
