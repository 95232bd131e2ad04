"""Publishing a campaign: check, warn, acknowledge, freeze."""
