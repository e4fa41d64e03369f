"""Whether a rebuild is the committed one, and what a revision holds."""
