"""Which hosts money may be asked of."""

from urllib.parse import urlsplit

from domain.config import Settings


def allowed_base_url(base_url: str, *, official: str, config: Settings) -> str:
    """Return a base URL without trailing slash; outside development only the official one.

    Raises ValueError.
    """
    url = base_url.rstrip("/")
    if url == official:
        return url
    if config.environment != "development":
        raise ValueError(f"{url} is not {official}, and this is {config.environment}")
    if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname:
        raise ValueError(f"{url} is not an http or https URL")
    return url
