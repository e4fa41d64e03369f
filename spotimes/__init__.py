"""The library of the stages and the app; CONTRIBUTING.md lists its packages, floor by floor."""
