"""Refunds: money back to the payer at a gateway."""
