"""Cross-validation, for datasets of few pictures: `python -m spotimes.crossvalidation`."""
