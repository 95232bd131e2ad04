"""The schema as the migrations leave it."""
