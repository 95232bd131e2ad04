"""Shoppers: the people of a merchant's mini-program, their logins and addresses."""
