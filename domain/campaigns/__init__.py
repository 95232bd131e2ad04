"""Campaigns: one product under one set of group-buy rules in a time window."""
