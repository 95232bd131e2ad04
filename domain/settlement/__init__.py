"""Settlement: payments are applied, groups form or fail, money goes back, subsidies are paid.

Everything takes the caller's session. Locks are taken in one order everywhere: group, shopper's
day, order, payment, refund, grant, wallet; each kind by id. What is read after a group is locked
cannot change: every change to a group's orders locks the group first.
"""
