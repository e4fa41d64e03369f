"""Any picture as the array that the network takes.

A file is opened without its metadata (`opening`, `stripped`), decoded into upright pixels
(`decode`) and brought to the network's size and colour (`resize`).
"""
