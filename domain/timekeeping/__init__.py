"""The business clock's hand, for development only: it jumps forward when all work is drained."""
