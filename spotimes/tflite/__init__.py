"""Reads, writes and profiles a .tflite file."""
