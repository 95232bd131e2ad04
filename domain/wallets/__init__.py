"""Wallets: a shopper's cash at one merchant, as the shopper sees it."""
