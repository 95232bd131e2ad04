"""The soak: random groups, random faults, jumps of the clock, to the end; then every fen counted.

Real PostgreSQL, the real API over HTTP, the real sandbox. Each seed decides what one merchant's
shoppers do and which faults the gateway has; the jobs run in this process between their steps.
"""
