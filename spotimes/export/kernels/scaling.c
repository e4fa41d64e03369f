/*
 * Fixed-point arithmetic as TensorFlow Lite Micro's reference kernels have it, rounding included,
 * so that the outputs are theirs. It takes >> of negative numbers to keep the sign, as compilers
 * for two's complement do.
 */

/* first * second / 2^31, a half rounded up. They are not both -2^31. */
static int32_t high_product(int32_t first, int32_t second)
{
    return (int32_t)(((int64_t)first * second + (INT64_C(1) << 30)) >> 31);
}

/* value / 2^exponent, a half rounded away from zero. */
static int32_t divided_by_power(int32_t value, int32_t exponent)
{
    const int32_t mask = (int32_t)((UINT32_C(1) << exponent) - 1);
    const int32_t half = (mask >> 1) + (value < 0 ? 1 : 0);
    return (value >> exponent) + ((value & mask) > half ? 1 : 0);
}

/* value * multiplier / 2^31 / 2^shift. */
static inline int32_t scaled(int32_t value, int32_t multiplier, int32_t shift)
{
    if (shift < 0) {
        return high_product((int32_t)((uint32_t)value << -shift), multiplier);
    }
    return divided_by_power(high_product(value, multiplier), shift);
}

static int8_t clamped(int32_t value, int32_t lowest, int32_t highest)
{
    return (int8_t)(value < lowest ? lowest : value > highest ? highest : value);
}
