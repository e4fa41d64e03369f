"""Architecture search: `python -m spotimes.search`."""
