"""The page."""

from __future__ import annotations

from pathlib import Path

import azure.durable_functions as df
import azure.functions as func

blueprint = df.Blueprint()

PAGE = Path(__file__).parents[1] / "page.html"


@blueprint.route(route="", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def get_page(req: func.HttpRequest) -> func.HttpResponse:
    """Answer with the page."""
    del req
    return func.HttpResponse(PAGE.read_bytes(), mimetype="text/html")
