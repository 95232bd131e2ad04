"""Groups: one team under a campaign."""
