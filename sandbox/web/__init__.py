"""The sandbox's web page: what the control API does, by hand and in a browser."""
