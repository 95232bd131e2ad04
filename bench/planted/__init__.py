"""Faults planted in the code, one at a time: what would they cost people, and what finds them?"""
