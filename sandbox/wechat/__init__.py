"""WeChat Pay v3 as a merchant sees it: orders, refunds, callbacks."""
