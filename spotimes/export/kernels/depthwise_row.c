/* Computes row y of the output. */
static void filter_row(
    const struct depthwise *layer, const struct map *source, int32_t y, int8_t *target)
{
    const struct window *window = &layer->window;
    const int8_t *rows[MOST_KERNEL_ROWS];
    int32_t in_y = y * window->stride_y - window->top;
    int32_t ky, x, channel;

    for (ky = 0; ky < window->height; ++ky, ++in_y) {
        const int32_t is_there = in_y >= 0 && in_y < window->in_height;
        rows[ky] = is_there ? row_of(source, in_y) : NULL;
    }
    for (channel = 0; channel < window->channels; ++channel) {
        for (x = 0; x < window->out_width; ++x) {
            target[x * window->channels + channel] =
                filtered(layer, rows, window->channels, x, channel);
        }
        for (ky = 0; ky < window->height; ++ky) {
            if (rows[ky] != NULL) {
                ++rows[ky];
            }
        }
    }
}
