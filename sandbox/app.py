"""The sandbox's application factory."""

import secrets
from pathlib import Path

from flask import Flask

from sandbox import shopper
from sandbox.alipay.shopper import alipay_shopper
from sandbox.alipay.views import alipay
from sandbox.control import control
from sandbox.gateway import open_gateway
from sandbox.miniprogram.views import miniprogram
from sandbox.web.views import web
from sandbox.wechat import bill_views, key_views, transfer_views, views


def create_app(data: Path) -> Flask:
    """Build the application on the record under `data` and start its callback courier."""
    app = Flask("sandbox", static_folder=None)
    app.secret_key = secrets.token_bytes(32)
    app.config.update(SESSION_COOKIE_NAME="sandbox", SESSION_COOKIE_SAMESITE="Strict")
    app.json.sort_keys = False  # type: ignore[attr-defined]
    open_gateway(app, data)
    for blueprint in (
        views.wechat,
        miniprogram,
        shopper.shopper,
        alipay,
        alipay_shopper,
        control,
        web,
    ):
        app.register_blueprint(blueprint)
    app.register_blueprint(transfer_views.wechat_transfers)
    app.register_blueprint(bill_views.wechat_bills)
    app.register_blueprint(key_views.wechat_keys)
    return app
