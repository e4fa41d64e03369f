"""The pipeline's stages, one a file: `python -m stages.NAME` from the repository's root."""
