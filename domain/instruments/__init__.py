"""Coupons and passes: what may be used on an order, and reads of them."""
