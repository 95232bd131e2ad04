"""Reconciliation (对账): each day's bill of each gateway account against our rows, both ways."""
