"""What figures are measured on: servers and programs of their own, load, and references."""
