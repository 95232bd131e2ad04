"""Analytics: figures of a merchant's group buying, and its live board; reads only."""
