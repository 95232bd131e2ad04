"""Chaos: the real stack under load while its processes and its network fail; then the accounts.

Shoppers open, join and pay over HTTP; the clock leaps to the deadlines; the herd is settled; and
all the while programs are killed, stopped and cut off. In the end everything is compared with what
the clients heard and with the gateway's own record.
"""
