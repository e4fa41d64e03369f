"""The network in Keras."""
