"""Faults: real processes are killed and servers go away; nothing is lost, nothing done twice."""
