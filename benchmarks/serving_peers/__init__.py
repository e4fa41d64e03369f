"""`python -m benchmarks.serving_peers`: our server beside what people would write or install."""
