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


def allowed_download_url(url: str, *, config: Settings) -> str:
    """Return a URL that Alipay named for a file: its own https hosts, or those of development.

    Raises ValueError.
    """
    named = urlsplit(url)
    host = named.hostname or ""
    if named.scheme == "https" and host.endswith(".alipay.com") and named.port is None:
        return url
    sandbox = urlsplit(config.alipay_base_url)
    if config.environment == "development" and named[:2] == sandbox[:2]:
        return url
    raise ValueError(f"a file at {host} is not asked for")
