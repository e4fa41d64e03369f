"""What the stages, the tests and the app share: one concept a file."""
