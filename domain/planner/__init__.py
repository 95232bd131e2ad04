"""The economics of a campaign before it runs: how groups form, and the arbitrage test. Pure."""
