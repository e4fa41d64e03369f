/*
 * A convolution of each channel alone. A channel's weights lie side by side, column by column; the
 * biases have the input's zero point in them, so inputs are multiplied as they are, padding
 * included.
 */
struct depthwise {
    struct window window;
    struct outputs outputs;
    const int8_t *weights;
};

/*
 * Copies a channel of row y of the input, with its padding. A window's values are to lie side by
 * side, column by column, so those of a row lie as far from each other as the window is high.
 */
static void copy_channel(
    const struct window *window, const struct map *source, int32_t y, int32_t channel,
    int8_t *copy)
{
    const int32_t height = window->height, channels = window->channels;
    const int32_t padded = (window->out_width - 1) * window->stride_x + window->width;
    const int32_t is_there = y >= 0 && y < window->in_height;
    const int32_t begin = is_there ? window->left : padded;
    const int32_t end = begin + window->in_width < padded ? begin + window->in_width : padded;
    const int8_t *value = is_there ? row_of(source, y) + channel : NULL;
    const int8_t zero = window->zero;
    int32_t x = 0;

    for (; x < begin; ++x, copy += height) {
        *copy = zero;
    }
    for (; x < end; ++x, copy += height, value += channels) {
        *copy = *value;
    }
    for (; x < padded; ++x, copy += height) {
        *copy = zero;
    }
}

/* Computes a row of a channel's outputs, two at a time, from the copies of its window's rows. */
static void filter(
    const struct depthwise *layer, int32_t channel, const int8_t *copies, int8_t *target)
{
    const struct window *window = &layer->window;
    const int32_t channels = window->channels, out_width = window->out_width;
    const int32_t step = window->stride_x * window->height;
    const int32_t count = window->height * window->width;
    const int8_t *const weights = layer->weights + channel * count;
    const int32_t bias = layer->outputs.biases[channel];
    int32_t x;

    for (x = 0; x < out_width; x += 2, copies += 2 * step, target += 2 * channels) {
        const int32_t is_pair = x + 1 < out_width;
        const int8_t *first = copies, *second = copies + (is_pair ? step : 0);
        const int8_t *weight = weights, *const end = weights + count;
        int32_t a = bias, b = bias;
#if defined(SPOTIMES_DSP)
        for (; end - weight >= 4; first += 4, second += 4, weight += 4) {
            const uint32_t v = four(weight), x = four(first), z = four(second);
            a = __smlad(even(x), even(v), a);
            a = __smlad(odd(x), odd(v), a);
            b = __smlad(even(z), even(v), b);
            b = __smlad(odd(z), odd(v), b);
        }
#endif
        for (; weight != end; ++first, ++second, ++weight) {
            a += *first * *weight;
            b += *second * *weight;
        }
        put(&layer->outputs, channel, a, b, target, is_pair ? channels : 0);
    }
}
