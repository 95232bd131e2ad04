"""One factory per noun: each takes a session and only what matters, flushes, returns the row."""
