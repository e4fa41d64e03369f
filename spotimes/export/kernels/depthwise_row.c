/* Computes row y of the output; copies has room for a channel of the window's rows. */
static void filter_row(
    const struct depthwise *layer, const struct map *source, int32_t y, int8_t *target,
    int8_t *copies)
{
    const struct window *window = &layer->window;
    const int32_t first = y * window->stride_y - window->top;
    int32_t channel, row;

    for (channel = 0; channel < window->channels; ++channel) {
        for (row = 0; row < window->height; ++row) {
            copy_channel(window, source, first + row, channel, copies + row);
        }
        filter(layer, channel, copies, target);
    }
}
