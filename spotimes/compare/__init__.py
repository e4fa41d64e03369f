"""Two revisions side by side: `python -m spotimes.compare`."""
