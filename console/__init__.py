"""The merchants' console: Streamlit pages over the REST API, and nothing else."""
