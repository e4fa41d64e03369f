"""What evaluate measured, for people: plots, the report, the model card."""
