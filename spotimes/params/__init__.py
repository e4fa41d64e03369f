"""params.yaml as typed, frozen objects: one file a group.

They are apart from each other so that a new budget does not retrain the network: DVC watches each
file, and a stage depends on the groups that it reads.
"""
