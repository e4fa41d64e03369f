void spotimes_infer_rows(
    spotimes_row_reader read_row, void *context, int8_t output[SPOTIMES_CLASSES])
{
@calls@
}

static void copy_row(void *context, int32_t y, int8_t row[SPOTIMES_ROW_SIZE])
{
    const int8_t *const *input = context;
    memcpy(row, *input + y * SPOTIMES_ROW_SIZE, SPOTIMES_ROW_SIZE);
}

void spotimes_infer(const int8_t input[SPOTIMES_INPUT_SIZE], int8_t output[SPOTIMES_CLASSES])
{
    spotimes_infer_rows(copy_row, &input, output);
}
