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
            memset(taps, window->zero, (size_t)before);
            memcpy(taps + before, pixels, (size_t)(end - before));
            memset(taps + end, window->zero, (size_t)(row_bytes - end));
        }
    }
    return taps;
}

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

/*
 * Adds the products of two pixels' inputs with two output channels' weights: to sums[0] and [1]
 * those of the first channel, to sums[2] and [3] those of the second one. So each number that is
 * loaded is used twice.
 */
static void add_products(
    const int8_t *const inputs[2], const int8_t *const weights[2], int32_t count, int32_t sums[4])
{
    const int8_t *first = inputs[0], *second = inputs[1];
    const int8_t *upper = weights[0], *lower = weights[1];
    int32_t a = sums[0], b = sums[1], c = sums[2], d = sums[3];
    int32_t index = 0;

#if defined(SPOTIMES_DSP)
    for (; index <= count - 4; index += 4) {
        const uint32_t x = four(first + index), z = four(second + index);
        const int16x2_t x_even = even(x), x_odd = odd(x), z_even = even(z), z_odd = odd(z);
        uint32_t w = four(upper + index);
        int16x2_t w_even = even(w), w_odd = odd(w);
        a = __smlad(x_even, w_even, a);
        b = __smlad(z_even, w_even, b);
        a = __smlad(x_odd, w_odd, a);
        b = __smlad(z_odd, w_odd, b);
        w = four(lower + index);
        w_even = even(w);
        w_odd = odd(w);
        c = __smlad(x_even, w_even, c);
        d = __smlad(z_even, w_even, d);
        c = __smlad(x_odd, w_odd, c);
        d = __smlad(z_odd, w_odd, d);
    }
#endif
    for (; index < count; ++index) {
        const int32_t x = first[index], z = second[index];
        const int32_t v = upper[index], w = lower[index];
        a += x * v;
        b += z * v;
        c += x * w;
        d += z * w;
    }
    sums[0] = a;
    sums[1] = b;
    sums[2] = c;
    sums[3] = d;
}

/* Writes a channel's outputs of two pixels, or of the first one where the next is no other. */
static void put(
    const struct outputs *outputs, int32_t channel, const int32_t sums[2], int8_t *target,
    int32_t next_pixel)
{
    target[next_pixel] = output_of(outputs, channel, sums[1]);
    target[0] = output_of(outputs, channel, sums[0]);
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
    const int32_t channels = outputs->channels;
    const int32_t count = window->height * window->width * window->channels;
    int32_t x, channel;

    for (x = 0; x < window->out_width; x += 2, target += 2 * channels) {
        const int32_t is_pair = x + 1 < window->out_width;
        const int32_t next_pixel = is_pair ? channels : 0;
        const int8_t *inputs[2];
        int8_t *const next = gather(window, source, y, x, taps);
        inputs[0] = taps;
        inputs[1] = taps;
        if (is_pair) {
            (void)gather(window, source, y, x + 1, next);
            inputs[1] = next;
        }
        for (channel = 0; channel < channels; channel += 2) {
            /* An odd last channel is its own partner. */
            const int32_t partner = channel + 1 < channels ? channel + 1 : channel;
            const int8_t *const weights[2] = {
                layer->weights + channel * count, layer->weights + partner * count};
            int32_t sums[4];
            sums[0] = sums[1] = outputs->biases[channel];
            sums[2] = sums[3] = outputs->biases[partner];
            add_products(inputs, weights, count, sums);
            put(outputs, channel, sums, target + channel, next_pixel);
            put(outputs, partner, sums + 2, target + partner, next_pixel);
        }
    }
}
