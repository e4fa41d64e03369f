"""params.yaml as typed, frozen objects: one file a group.

DVC watches the values of the groups that a stage reads, not these files, so that a new budget does
not retrain the network. A stage imports the groups alone that it reads.
"""
