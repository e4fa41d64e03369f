/* What makes an INT8 output of each channel's sum. */
struct outputs {
    const int32_t *biases;
    const int32_t *multipliers;
    const int8_t *shifts;
    int32_t channels;
    int32_t zero;
    int32_t lowest, highest;
};

/*
 * Writes a channel's outputs of the pixel at target, and of another one that lies next_pixel bytes
 * behind it; 0 leaves that out.
 */
static void put(
    const struct outputs *outputs, int32_t channel, int32_t first_sum, int32_t second_sum,
    int8_t *target, int32_t next_pixel)
{
    const int32_t multiplier = outputs->multipliers[channel], shift = outputs->shifts[channel];
    const int32_t zero = outputs->zero, lowest = outputs->lowest, highest = outputs->highest;
    const int32_t first = scaled(first_sum, multiplier, shift) + zero;
    const int32_t second = scaled(second_sum, multiplier, shift) + zero;

    target += channel;
    target[next_pixel] = clamped(second, lowest, highest);
    target[0] = clamped(first, lowest, highest);
}
