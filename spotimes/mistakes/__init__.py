"""The command that writes a page of what the INT8 model gets wrong, and where.

`measures` has what accuracy may depend on, `pictures` chooses and packs what the page shows, and
`page` writes it.
"""
