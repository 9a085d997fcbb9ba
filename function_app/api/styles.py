"""Styles that a video can be painted in."""

from __future__ import annotations

import azure.durable_functions as df
import azure.functions as func

from function_app import storage
from function_app.api.answers import answering, as_json

blueprint = df.Blueprint()


@blueprint.route(route="api/styles", methods=["GET"])
@answering
def get_styles(req: func.HttpRequest) -> func.HttpResponse:
    """List the styles that a video can be painted in."""
    del req
    return as_json({"styles": [{"name": name} for name in storage.style_names()]})
