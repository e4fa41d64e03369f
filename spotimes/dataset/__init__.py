"""The prepared dataset on disk, as `prepare` writes it and the other stages read it."""
