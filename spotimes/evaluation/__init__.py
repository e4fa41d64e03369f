"""Accuracy, budgets and layers' errors, as numbers."""
