/*
 * Probabilities of logits, in 1/256 and less 128. exponentials[d] is exp of what a logit is less
 * than the largest one, d steps of INT8, times 2^31; behind the last one it is 0.
 */
static void softmax(
    const int32_t *exponentials, int32_t exponentials_count, const int8_t *logits, int32_t count,
    int8_t *target)
{
    int32_t largest = -128, sum = 0, bits = 0, half, inverse, index, step;

    for (index = 0; index < count; ++index) {
        largest = logits[index] > largest ? logits[index] : largest;
    }
    for (index = 0; index < count; ++index) {
        const int32_t difference = largest - logits[index];
        if (difference < exponentials_count) {
            sum += divided_by_power(exponentials[difference], 12);
        }
    }

    /* The sum is 1 to 2 times a power of two; the inverse of that 1 to 2, times 2^31, by three
     * steps of Newton and Raphson, which begin at 48/17 - 32/17 of its half. */
    while (((uint32_t)sum << bits) < (UINT32_C(1) << 31)) {
        ++bits;
    }
    half = (int32_t)(((uint32_t)sum << bits) / 2);
    inverse = 1515870810 + high_product(half, -1010580540);
    for (step = 0; step < 3; ++step) {
        const int32_t error = (INT32_C(1) << 29) - high_product(half, inverse);
        inverse += 4 * high_product(inverse, error);
    }
    inverse = inverse < (INT32_C(1) << 30) ? 2 * inverse : INT32_MAX;

    for (index = 0; index < count; ++index) {
        const int32_t difference = largest - logits[index];
        int32_t value = -128;
        if (difference < exponentials_count && bits >= 4) {
            value += divided_by_power(high_product(inverse, exponentials[difference]), 35 - bits);
        }
        target[index] = clamped(value, -128, 127);
    }
}
