/* The sum of two maps of one shape, after what makes their scales equal. */
struct addition {
    int32_t count; /* values in a row */
    int32_t zeros[2], multipliers[2], shifts[2];
    int32_t multiplier, shift, zero;
    int32_t lowest, highest;
};

static int32_t term(const struct addition *layer, int32_t index, int32_t value)
{
    return scaled(
        (value - layer->zeros[index]) * (INT32_C(1) << ADDITION_SHIFT), layer->multipliers[index],
        layer->shifts[index]);
}

/* Computes a row; the target may be one of the two. */
static void add_row(
    const struct addition *layer, const int8_t *first, const int8_t *second, int8_t *target)
{
    int32_t index;
    for (index = 0; index < layer->count; ++index) {
        const int32_t sum = term(layer, 0, first[index]) + term(layer, 1, second[index]);
        const int32_t value = scaled(sum, layer->multiplier, layer->shift) + layer->zero;
        target[index] = clamped(value, layer->lowest, layer->highest);
    }
}
