"""HTTP: the REST API of shoppers, gateways and the merchants' console."""

import logging
import time

from flask import Flask, Response, g, request

from api import commands, errors, openapi, paths, progress, request_context
from api.bodies import OrjsonProvider
from api.views import BLUEPRINTS
from domain.checking_configuration import check_configuration
from domain.logs import configure_logging

logger = logging.getLogger(__name__)

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
_PAGE_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline';"
    " img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
"""For the one page, /docs: it has scripts and styles of its own, and loads nothing from afar."""
MOST_BYTES = 1_048_576


def create_app() -> Flask:
    """Build the application: the one factory. Raises ConfigurationFaulty."""
    check_configuration("api")
    configure_logging(lambda: {"request_id": request_context.request_id()})
    app = Flask(__name__, static_folder=None)
    app.json = OrjsonProvider(app)
    app.config["MAX_CONTENT_LENGTH"] = MOST_BYTES
    app.url_map.strict_slashes = False
    api = openapi.document_api(app)
    paths.register_paths(app, api)
    for blueprint in BLUEPRINTS:
        api.register_blueprint(blueprint)
    errors.register_error_handlers(app)
    progress.keep_progress(app)
    app.before_request(_begin)
    app.after_request(_end)
    for command in commands.COMMANDS:
        app.cli.add_command(command)
    return app


def _begin() -> None:
    g.began = time.perf_counter()


def _end(response: Response) -> Response:
    response.headers["X-Request-Id"] = request_context.request_id()
    if request.path.startswith("/docs"):
        response.headers["Content-Security-Policy"] = _PAGE_POLICY
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    if request.scheme == "https" or request.headers.get("X-Forwarded-Proto") == "https":
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    if request.path.startswith("/v1/"):
        response.headers.setdefault("Cache-Control", "no-store")
    logger.info(
        "request",
        extra={
            "method": request.method,
            "route": str(request.url_rule) if request.url_rule else None,
            "status": response.status_code,
            "milliseconds": round(1000 * (time.perf_counter() - g.began), 1),
            **_caller_ids(),
        },
    )
    return response


def _caller_ids() -> dict[str, int]:
    if "staff_caller" in g:
        return {"merchant_id": g.staff_caller.merchant_id, "staff_id": g.staff_caller.staff_id}
    if "shopper_caller" in g:
        caller = g.shopper_caller
        return {"merchant_id": caller.merchant_id, "shopper_id": caller.shopper_id}
    return {}
