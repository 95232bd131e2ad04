"""Checkout: opening, joining, buying alone, paying, giving up. The transactions are its own."""
