"""Which role sees which page and which buttons; the API enforces it, this only hides what fails."""

OWNER = "owner"
OPERATOR = "operator"
VIEWER = "viewer"

PAGES = {
    "overview": (OWNER, OPERATOR, VIEWER),
    "board": (OWNER, OPERATOR, VIEWER),
    "campaigns": (OWNER, OPERATOR, VIEWER),
    "new_campaign": (OWNER, OPERATOR),
    "products": (OWNER, OPERATOR, VIEWER),
    "shoppers": (OWNER, OPERATOR, VIEWER),
    "grants": (OWNER, OPERATOR, VIEWER),
    "refunds": (OWNER, OPERATOR, VIEWER),
    "approvals": (OWNER, OPERATOR, VIEWER),
    "settings": (OWNER, OPERATOR, VIEWER),
    "audit_log": (OWNER, OPERATOR, VIEWER),
    "glossary": (OWNER, OPERATOR, VIEWER),
}
ACTIONS = {
    "change": (OWNER, OPERATOR),
    "acknowledge_red": (OWNER,),
    "change_settings": (OWNER,),
}


def may_see(role: str, page: str) -> bool:
    """Tell whether a role has a page in its navigation."""
    return role in PAGES[page]


def may(role: str, action: str) -> bool:
    """Tell whether a role gets the buttons of an action."""
    return role in ACTIONS[action]
