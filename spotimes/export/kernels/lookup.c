/* Puts a table's entry in the place of each value; the target may be the source. */
static void look_up_row(
    const int8_t table[256], const int8_t *source, int32_t count, int8_t *target)
{
    int32_t index;
    for (index = 0; index < count; ++index) {
        target[index] = table[source[index] + 128];
    }
}
