"""The double-entry ledger: accounts, posting, balances. Only it writes balances."""
