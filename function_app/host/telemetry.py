"""Traces by OpenTelemetry: one from an upload to its result, each span with the job's id.

The app makes spans and nothing else: the Functions worker exports them, and the durable extension
carries a trace from the trigger into the orchestration and on into its activities. The worker runs
them in threads of a pool, into which the trace has to be carried too.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from opentelemetry import trace

JOB_ID = "atelier.job_id"
"""Attribute of every span: by it, whatever happened for a job is found."""

_TRACER = trace.get_tracer("atelier")


def install() -> None:
    """Let threads go on in the trace of those that start them or give them work."""
    from opentelemetry.instrumentation.threading import ThreadingInstrumentor

    ThreadingInstrumentor().instrument()


@contextmanager
def span(name: str, job_id: str) -> Generator[None]:
    """Make a span of the body of a `with`; an exception that leaves it is its outcome."""
    with _TRACER.start_as_current_span(name, attributes={JOB_ID: job_id}):
        yield


def trace_id() -> str:
    """Return the id of the present trace, 32 hexadecimal digits; empty if there is none."""
    context = trace.get_current_span().get_span_context()
    return trace.format_trace_id(context.trace_id) if context.is_valid else ""
