"""Orders: what one shopper bought."""
