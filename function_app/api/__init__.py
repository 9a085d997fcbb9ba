"""The HTTP API, by subject; docs/api.md describes it."""

from function_app.api import jobs, media, openapi, page, styles, unknown, uploads

BLUEPRINTS = [module.blueprint for module in (page, openapi, styles, uploads, jobs, media, unknown)]
