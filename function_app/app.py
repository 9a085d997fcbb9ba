"""The function app: every function of the package, registered.

Routes ask for a function key. Where HTTP_AUTH_LEVEL is `anonymous` they do not: for deployments in
which App Service lets none through who has not signed in.
"""

import os

import azure.durable_functions as df
import azure.functions as func

from function_app import activities, api, orchestrator, triggers
from function_app.host import logs, telemetry
from function_app.upkeep import missed, reaper

logs.install()
telemetry.install()

# Read when the functions are indexed, like the sources of triggers.
LEVEL = func.AuthLevel(os.environ.get("HTTP_AUTH_LEVEL", func.AuthLevel.FUNCTION))

app = df.DFApp(http_auth_level=LEVEL)
for module in (triggers, missed, reaper, orchestrator, activities):
    app.register_functions(module.blueprint)
for blueprint in api.BLUEPRINTS:
    app.register_functions(blueprint)

__all__ = ["app"]
