"""The console's server: `streamlit run console/app.py` finds this `app` and serves it.

The pages are Streamlit's (`frame.py`); login is ours, because a script cannot set a cookie.
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
if str(HERE.parent) not in sys.path:
    sys.path.insert(0, str(HERE.parent))

import streamlit as st  # noqa: E402 - the repository must be on the path first

from console.mishaps import show_mishap  # noqa: E402
from console.serving import middleware  # noqa: E402
from console.signing_in import routes  # noqa: E402

app = st.App(
    HERE / "frame.py",
    routes=routes,
    middleware=middleware,
    on_script_error=show_mishap,
)
