"""The style of all plots, and names of any script in them."""
