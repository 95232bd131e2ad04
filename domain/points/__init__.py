"""Points: worth so much each, in lots that expire."""
