/*
 * A convolution over all channels, or a dense layer, which is one of a single pixel. The weights
 * of an output channel lie side by side, in the order of the pixels and channels that they are
 * for. The biases have the input's zero point in them, so inputs are multiplied as they are.
 */
struct convolution {
    struct window window;
    struct outputs outputs;
    const int8_t *weights;
};

/* Copies the inputs of output pixel (y, x), and returns where the copy ends. */
static int8_t *gather(
    const struct window *window, const struct map *source, int32_t y, int32_t x, int8_t *taps)
{
    const int32_t row_bytes = window->width * window->channels;
    const int32_t first = x * window->stride_x - window->left;
    const int32_t missing = first < 0 ? -first : 0;
    const int32_t rest = window->in_width - first;
    const int32_t before = missing * window->channels;
    const int32_t end = (rest < window->width ? rest : window->width) * window->channels;
    int32_t in_y = y * window->stride_y - window->top;
    int32_t ky;

    for (ky = 0; ky < window->height; ++ky, ++in_y, taps += row_bytes) {
        if (in_y < 0 || in_y >= window->in_height) {
            memset(taps, window->zero, (size_t)row_bytes);
        } else {
            const int8_t *pixels = row_of(source, in_y) + (first + missing) * window->channels;
            if (end - before < row_bytes) {
                memset(taps, window->zero, (size_t)row_bytes);
            }
            memcpy(taps + before, pixels, (size_t)(end - before));
        }
    }
    return taps;
}

#if defined(SPOTIMES_DSP)
/*
 * As add_products, of four inputs. Without the barriers, here and between two calls, the compiler
 * loads so much ahead that it runs out of registers.
 */
static inline void add_four(
    const int8_t *inputs, const int8_t *weights, int32_t gap, int32_t sums[4])
{
    const uint32_t x = four(inputs), z = four(inputs + gap);
    const int16x2_t x_even = even(x), x_odd = odd(x), z_even = even(z), z_odd = odd(z);
    uint32_t w = four(weights);
    int16x2_t w_even = even(w), w_odd = odd(w);
    sums[0] = __smlad(x_even, w_even, sums[0]);
    sums[1] = __smlad(z_even, w_even, sums[1]);
    sums[0] = __smlad(x_odd, w_odd, sums[0]);
    sums[1] = __smlad(z_odd, w_odd, sums[1]);
    __asm__ volatile("" ::: "memory");
    w = four(weights + gap);
    w_even = even(w);
    w_odd = odd(w);
    sums[2] = __smlad(x_even, w_even, sums[2]);
    sums[3] = __smlad(z_even, w_even, sums[3]);
    sums[2] = __smlad(x_odd, w_odd, sums[2]);
    sums[3] = __smlad(z_odd, w_odd, sums[3]);
}
#endif

/*
 * Adds the products of two pixels' inputs with two output channels' weights: to sums[0] and [1]
 * those of the first channel, to sums[2] and [3] those of the second one. So each number that is
 * loaded is used twice. The second pixel's inputs, and the second channel's weights, lie gap bytes
 * behind the first one's.
 */
static void add_products(
    const int8_t *inputs, const int8_t *weights, int32_t count, int32_t gap, int32_t sums[4])
{
    const int8_t *const end = inputs + count;
#if defined(SPOTIMES_DSP)
    const int8_t *const last = inputs + (count & ~7);
#endif
    int32_t s[4] = {sums[0], sums[1], sums[2], sums[3]};

#if defined(SPOTIMES_DSP)
    for (; inputs != last; inputs += 8, weights += 8) {
        add_four(inputs, weights, gap, s);
        __asm__ volatile("" ::: "memory");
        add_four(inputs + 4, weights + 4, gap, s);
    }
    if (end - inputs >= 4) {
        add_four(inputs, weights, gap, s);
        inputs += 4;
        weights += 4;
    }
#endif
    for (; inputs != end; ++inputs, ++weights) {
        const int32_t x = inputs[0], z = inputs[gap];
        const int32_t v = weights[0], w = weights[gap];
        s[0] += x * v;
        s[1] += z * v;
        s[2] += x * w;
        s[3] += z * w;
    }
    sums[0] = s[0];
    sums[1] = s[1];
    sums[2] = s[2];
    sums[3] = s[3];
}

/*
 * Computes row y of the output. Two pixels' inputs are copied before either is written, so the
 * output may lie over what has been read of the input.
 */
static void convolve(
    const struct convolution *layer, const struct map *source, int32_t y, int8_t *target,
    int8_t *taps)
{
    const struct window *window = &layer->window;
    const struct outputs *outputs = &layer->outputs;
    const int32_t *const biases = outputs->biases;
    const int32_t channels = outputs->channels;
    const int32_t count = window->height * window->width * window->channels;
    /* A single channel is its own partner, and so is each of its pixels. */
    const int32_t partner = channels > 1 ? 1 : 0;
    const int32_t gap = partner * count;
    int32_t x, channel;

    for (x = 0; x < window->out_width; x += 1 + partner, target += (1 + partner) * channels) {
        const int32_t next_pixel = x + partner < window->out_width ? partner * channels : 0;
        const int8_t *weights = layer->weights;
        int8_t *const next = gather(window, source, y, x, taps);
        if (next_pixel > 0) {
            (void)gather(window, source, y, x + 1, next);
        }
        for (channel = 0; channel < channels; channel += 2, weights += 2 * count) {
            int32_t sums[4];
            if (channel + partner == channels) {
                --channel; /* an odd last one goes with the one before it, once more */
                weights -= count;
            }
            sums[0] = sums[1] = biases[channel];
            sums[2] = sums[3] = biases[channel + partner];
            add_products(taps, weights, count, gap, sums);
            put(outputs, channel, sums[0], sums[1], target, next_pixel);
            put(outputs, channel + partner, sums[2], sums[3], target, next_pixel);
        }
    }
}
