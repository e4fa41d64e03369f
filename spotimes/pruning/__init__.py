"""`python -m spotimes.pruning`: how narrow a backbone must be to fit `evaluate.budgets`."""
