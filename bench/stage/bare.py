"""The bare application that the API is compared with: JSON in, JSON out, nothing between."""

from flask import Flask, Response, jsonify, request


def create_app() -> Flask:
    """Build the application: one POST route, and the probe of readiness."""
    app = Flask(__name__, static_folder=None)

    @app.post("/bare")
    def bare() -> tuple[Response, int]:
        return jsonify(said=request.get_json()), 201

    @app.get("/readyz")
    def ready() -> Response:
        return jsonify(status="ok")

    return app
