/*
 * Computes all of the output over the input, channel by channel. From one row of outputs to the
 * next the copies stay where they are, but begin stride_y bytes later: so each value is stride_y
 * rows further up in its window, and new rows take the places of those that are above it.
 */
static void filter_in_place(
    const struct depthwise *layer, const struct map *map, int32_t out_height, int8_t *copies)
{
    const struct window *window = &layer->window;
    const int32_t row_bytes = window->out_width * window->channels;
    int32_t channel, y, row;

    for (channel = 0; channel < window->channels; ++channel) {
        int8_t *target = arena_at(map->offset), *begin = copies;
        int32_t next = -window->top;
        for (y = 0; y < out_height; ++y, begin += window->stride_y, target += row_bytes) {
            const int32_t first = y * window->stride_y - window->top;
            for (row = next > first ? next : first; row < first + window->height; ++row) {
                copy_channel(window, map, row, channel, begin + (row - first));
            }
            next = first + window->height;
            filter(layer, channel, begin, target);
        }
    }
}
