"""Traces: what Application Insights collects in Azure, one span a line in a file here.

The worker has the app's spans exported and each call's trace attached; so the app makes spans and
knows nothing of where they go.
"""

import os
from pathlib import Path

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor


def export(file: Path) -> None:
    """Append every span of this process to a file, as JSON, once it has ended."""
    os.environ["PYTHON_ENABLE_OPENTELEMETRY"] = "true"
    exporter = ConsoleSpanExporter(out=file.open("a", buffering=1), formatter=_line)
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)


def _line(span: ReadableSpan) -> str:
    return span.to_json(indent=None) + "\n"
