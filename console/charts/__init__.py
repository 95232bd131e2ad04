"""Charts: lists of days in, Plotly figures out; no Streamlit, no HTTP."""
