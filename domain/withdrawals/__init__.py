"""Withdrawals: from a shopper's wallet to their change at a gateway."""
