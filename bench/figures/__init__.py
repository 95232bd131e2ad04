"""The figures: each is measured against a reference in the same run, alternating."""
