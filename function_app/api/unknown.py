"""What the API has nothing for: a path that is none, or a method that a path does not take.

The Functions host would answer without a word. It tries routes in the order of their functions'
names, and knows no other precedence, so this function's comes after all of the API's.
https://github.com/Azure/azure-functions-host/issues/9876
"""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import unquote, urlsplit

import azure.durable_functions as df
import azure.functions as func

from function_app.api.answers import ANYTHING, answering
from function_app.errors import Code, RequestError

blueprint = df.Blueprint()


@blueprint.route(route="api/{*path}")
@answering(ANYTHING)
def unknown_route(req: func.HttpRequest) -> func.HttpResponse:
    """Answer that there is no such thing."""
    path = unquote(urlsplit(req.url).path)
    raise RequestError(HTTPStatus.NOT_FOUND, Code.NO_ROUTE, f"there is no {req.method} {path}")
