"""Payments: money in at a gateway."""
