/* A convolution of each channel alone; all channels' weights for a pixel lie side by side. */
struct depthwise {
    struct window window;
    struct outputs outputs;
    const int8_t *weights;
};

/*
 * Computes one output. rows has the channel's first value in each row of the window, or NULL
 * where that row is padding; step is how far its next value is.
 */
static int8_t filtered(
    const struct depthwise *layer, const int8_t *const rows[], int32_t step, int32_t x,
    int32_t channel)
{
    const struct window *window = &layer->window;
    const int32_t first = x * window->stride_x - window->left;
    const int32_t rest = window->in_width - first;
    const int32_t begin = first < 0 ? -first : 0;
    const int32_t end = rest < window->width ? rest : window->width;
    const int32_t zero = window->zero;
    int32_t sum = layer->outputs.biases[channel];
    int32_t kx, ky;

    for (ky = 0; ky < window->height; ++ky) {
        if (rows[ky] != NULL) {
            const int8_t *pixel = rows[ky] + (first + begin) * step;
            const int8_t *weight =
                layer->weights + (ky * window->width + begin) * window->channels + channel;
            for (kx = begin; kx < end; ++kx, pixel += step, weight += window->channels) {
                sum += (*pixel - zero) * *weight;
            }
        }
    }
    return output_of(&layer->outputs, channel, sum);
}
