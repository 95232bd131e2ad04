"""Auditing: every invariant of the product rules, recounted from rows, never from the counters."""
