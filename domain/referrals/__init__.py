"""Referrals: shares of groups, their visits, and who came by them."""
