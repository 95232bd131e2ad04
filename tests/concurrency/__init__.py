"""Races, in pairs: each happens without its guard, and stops with it."""
