"""The one simulated shopper: behaviour as data, drawn by seed, acting over HTTP only."""
