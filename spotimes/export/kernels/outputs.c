/* What makes an INT8 output of each channel's sum. */
struct outputs {
    const int32_t *biases;
    const int32_t *multipliers;
    const int8_t *shifts;
    int32_t channels;
    int32_t zero;
    int32_t lowest, highest;
};

static int8_t output_of(const struct outputs *outputs, int32_t channel, int32_t sum)
{
    const int32_t value = scaled(sum, outputs->multipliers[channel], outputs->shifts[channel]);
    return clamped(value + outputs->zero, outputs->lowest, outputs->highest);
}
