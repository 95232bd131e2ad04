"""Ways into a mini-program from outside: codes to scan, and URL links."""

import re
from typing import Any

from sandbox import keys
from sandbox.gateway import Gateway
from sandbox.miniprogram.errors import ErrCode, check
from sandbox.miniprogram.qr import draw_png, encode
from sandbox.shapes import choice, flag, integer, shape, text

# Visible characters that a scene and a query may hold (getUnlimitedQRCode, generateUrlLink).
_CHARACTERS = r"0-9A-Za-z!#$&'()*+,/:;=?@\-._~"
_SCENE = re.compile(f"[{_CHARACTERS}]{{1,32}}")
_QUERY = re.compile(f"[{_CHARACTERS}%]{{0,1024}}")
_PAGE = re.compile(r"[0-9A-Za-z_\-]+(/[0-9A-Za-z_\-]+)*")
_NARROWEST, _WIDEST, _WIDTH = 280, 1280, 430
_MOST_DAYS = 30
_DAY_SECONDS = 86400

_VERSIONS = choice("release", "trial", "develop")
_COLOUR = shape({"r": integer(0), "g": integer(0), "b": integer(0)})
_CODE = shape(
    {"scene": text(4096)},
    {
        "page": text(1024, minimum=0),
        "check_path": flag,
        "env_version": _VERSIONS,
        "width": integer(1),
        "auto_color": flag,
        "line_color": _COLOUR,
        "is_hyaline": flag,
    },
)
_LINK = shape(
    {},
    {
        "path": text(1024, minimum=0),
        "query": text(4096, minimum=0),
        "env_version": _VERSIONS,
        "expire_type": integer(0),
        "expire_time": integer(0),
        "expire_interval": integer(0),
    },
)


def code_image(body: Any) -> bytes:
    """Draw a code to scan as a PNG. Raises ErrCode.

    It is an ordinary QR code of `page?scene=...` (or of the scene alone, where that is too long).
    """
    if not isinstance(body, dict) or not isinstance(body.get("scene"), str):
        raise ErrCode(40169)
    check(_CODE, body)
    if not _SCENE.fullmatch(body["scene"]):
        raise ErrCode(40169)
    page = body.get("page", "")
    if page and not _PAGE.fullmatch(page):
        raise ErrCode(41030)
    width = body.get("width", _WIDTH)
    if not _NARROWEST <= width <= _WIDEST:
        raise ErrCode(40097, "width")
    try:
        modules = encode(f"{page}?scene={body['scene']}")
    except ValueError:
        modules = encode(body["scene"])
    return draw_png(modules, width)


def url_link(gateway: Gateway, appid: str, body: Any) -> dict[str, Any]:
    """Make a link that opens the mini-program. Raises ErrCode."""
    check(_LINK, body)
    if body.get("path") and not _PAGE.fullmatch(body["path"]):
        raise ErrCode(40165)
    if not _QUERY.fullmatch(body.get("query", "")):
        raise ErrCode(40212)
    now = gateway.clock.now()
    expires_at = _expires_at(body, now)
    link = f"https://wxaurl.cn/{keys.random_text(11)}"
    with gateway.store.transaction() as db:
        db.execute(
            "INSERT INTO url_links (url_link, appid, path, query, created_at, expires_at)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (link, appid, body.get("path", ""), body.get("query", ""), now, expires_at),
        )
    return {"url_link": link}


def _expires_at(body: dict[str, Any], now: float) -> float:
    """Read when a link ends: an instant (type 0) or in so many days (type 1), 30 days at most."""
    kind = body.get("expire_type", 0)
    if kind == 1 and 1 <= body.get("expire_interval", 0) <= _MOST_DAYS:
        return now + float(body["expire_interval"]) * _DAY_SECONDS
    if kind == 0 and "expire_time" not in body:
        return now + _MOST_DAYS * _DAY_SECONDS
    if kind == 0 and 60 <= body["expire_time"] - now <= _MOST_DAYS * _DAY_SECONDS:
        return float(body["expire_time"])
    raise ErrCode(85401)
