/* The mean of each channel over all pixels. */
struct mean {
    int32_t pixels, channels;
    int32_t zero_in, zero_out;
    int32_t multiplier, shift;
};

/* Computes it; the target may begin where the source does, since channel by channel is read. */
static void average(const struct mean *layer, const int8_t *source, int8_t *target)
{
    int32_t channel, pixel;
    for (channel = 0; channel < layer->channels; ++channel) {
        int32_t sum = -layer->zero_in * layer->pixels;
        for (pixel = 0; pixel < layer->pixels; ++pixel) {
            sum += source[pixel * layer->channels + channel];
        }
        target[channel] =
            clamped(scaled(sum, layer->multiplier, layer->shift) + layer->zero_out, -128, 127);
    }
}
