"""The console's side: every call needs a member of staff, and sees one merchant's rows only."""
