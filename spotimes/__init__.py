"""What the stages and the tests share: one concept a file."""
