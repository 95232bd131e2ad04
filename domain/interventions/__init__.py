"""Interventions: what staff do to groups and subsidies by hand, with a reason."""
