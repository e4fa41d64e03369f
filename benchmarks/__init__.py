"""Measurements that no stage makes: `python -m benchmarks.NAME` from the repository's root."""
