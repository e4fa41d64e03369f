"""From a source, a catalog's dataset or a folder of pictures, to three splits without copies.

- `source` reads what `prepare.source` names: a catalog's dataset (`catalog`, `mirror`, `readers`)
  or a folder (`labelled_files` finds its pictures, `own_images` reads them).
- `selection` finds copies (`exact_copies`, `near_copies`), excludes what the params say, and
  divides the rest into splits (`division`, `group_division`).
- `unlabelled` reads pictures without labels, and excludes what is tested on.
- `dataset_report` holds what was found; `dataset_figure` draws it, `dataset_summary` prints it.
"""
