"""Notices: a shopper's inbox."""
