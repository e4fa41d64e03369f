"""The same for people: plots, the report, the model card."""
