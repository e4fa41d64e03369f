"""Timing: models interleaved, and fresh processes."""
