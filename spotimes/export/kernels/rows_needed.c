/* How many rows of the input must be there before row y of the output can be computed. */
static int32_t rows_needed(const struct window *window, int32_t y)
{
    const int32_t rows = y * window->stride_y - window->top + window->height;
    return rows < window->in_height ? rows : window->in_height;
}
