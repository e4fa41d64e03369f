
/*
 * A picture of none of the classes gets an answer, too. A low score is the sign of one: where
 *
 *     spotimes_score(output) < SPOTIMES_UNKNOWN_BELOW
 *
 * say "unknown" instead of a class. The limit was set so that few pictures of the classes are
 * rejected; a higher one rejects more pictures of all kinds. The score is the mean over the classes
 * of -log2 of their probability, in sixteenths and times SPOTIMES_CLASSES.
 */
#define SPOTIMES_UNKNOWN_BELOW @limit@
int32_t spotimes_score(const int8_t output[SPOTIMES_CLASSES]);
