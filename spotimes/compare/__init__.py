"""Two revisions side by side: `python -m spotimes.compare`.

`comparison` makes `rows`, each with a `verdict`; `gates` holds them to what params allow, and
`rendering` shows them.
"""
