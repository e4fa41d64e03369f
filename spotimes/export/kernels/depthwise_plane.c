/* Computes all of the output over the input, a copy of one channel at a time. */
static void filter_in_place(
    const struct depthwise *layer, const struct map *map, int32_t out_height, int8_t *plane)
{
    const struct window *window = &layer->window;
    const int32_t pixels = window->in_height * window->in_width;
    const int8_t *rows[MOST_KERNEL_ROWS];
    int32_t channel, pixel, ky, x, y;

    for (channel = 0; channel < window->channels; ++channel) {
        int8_t *const values = arena_at(map->offset) + channel;
        int8_t *target = values;
        for (pixel = 0; pixel < pixels; ++pixel) {
            plane[pixel] = values[pixel * window->channels];
        }
        for (y = 0; y < out_height; ++y) {
            int32_t in_y = y * window->stride_y - window->top;
            for (ky = 0; ky < window->height; ++ky, ++in_y) {
                const int32_t is_there = in_y >= 0 && in_y < window->in_height;
                rows[ky] = is_there ? plane + in_y * window->in_width : NULL;
            }
            for (x = 0; x < window->out_width; ++x, target += window->channels) {
                *target = filtered(layer, rows, 1, x, channel);
            }
        }
    }
}
