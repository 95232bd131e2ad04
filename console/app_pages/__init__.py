"""One module per page, each with `show(session)`: read filters, call the client, draw."""
