"""The HTTP API, by subject; docs/api.md describes it."""

from function_app.api import jobs, media, page, styles, uploads

BLUEPRINTS = [module.blueprint for module in (page, styles, uploads, jobs, media)]
