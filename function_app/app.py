"""The function app: every function of the package, registered."""

import azure.durable_functions as df
import azure.functions as func

from function_app import activities, api, logs, missed, orchestrator, reaper, telemetry, triggers

logs.install()
telemetry.install()

app = df.DFApp(http_auth_level=func.AuthLevel.FUNCTION)
for module in (triggers, missed, reaper, orchestrator, activities):
    app.register_functions(module.blueprint)
for blueprint in api.BLUEPRINTS:
    app.register_functions(blueprint)

__all__ = ["app"]
