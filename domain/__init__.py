"""The business: no Flask, no RQ, no marshmallow, no Streamlit."""
