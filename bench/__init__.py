"""Simulated shoppers, large histories, and what is measured with them."""
