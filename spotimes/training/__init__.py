"""What the trained weights depend on, and nothing else: a change of it retrains."""
