/* -log2 of 0 to 255 in 256, in sixteenths; that of 0 as if it were a half. */
@costs@

int32_t spotimes_score(const int8_t output[SPOTIMES_CLASSES])
{
    int32_t index, score = 0;
    for (index = 0; index < SPOTIMES_CLASSES; ++index) {
        score += costs[output[index] + 128];
    }
    return score;
}
