"""Bodies of the merchants' side."""
