"""The entry point of the Functions worker, which imports a root module and looks for one app."""

from function_app.app import app

__all__ = ["app"]
