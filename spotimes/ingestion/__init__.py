"""From a source, a catalog's dataset or a folder of pictures, to three splits without copies."""
