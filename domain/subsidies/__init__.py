"""Subsidies: what an order of a failed group is owed."""
