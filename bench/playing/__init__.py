"""Playing a day of simulated shoppers over REST: what the demo is made of."""
