"""The splits as numbers, which an array can hold."""

TRAIN, VALIDATION, TEST = 0, 1, 2  # indices into spotimes.dataset.prepared.SPLITS
NOT_GIVEN, EXCLUDED = -1, -2
