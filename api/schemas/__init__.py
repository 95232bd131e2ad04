"""Bodies in and out: marshmallow, one file per noun; unknown fields are refused."""
