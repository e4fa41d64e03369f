/*
 * A feature map: rows of pixels, a pixel's channels side by side. Of a map between two layers
 * only some rows are kept; row y then lies where row y - rows lay.
 */
struct map {
    int32_t offset; /* in the arena, in bytes */
    int32_t row_bytes;
    int32_t rows;
};

static int8_t *arena_at(int32_t offset)
{
    return (int8_t *)spotimes_arena + offset;
}

static int8_t *row_of(const struct map *map, int32_t y)
{
    return arena_at(map->offset + y % map->rows * map->row_bytes);
}
