// Read by Streamlit before it starts: the server stands at the root, whatever page is loaded.
window.__streamlit = { BACKEND_BASE_URL: window.location.origin + "/" };
