"""One trace for one job: what the Functions host begins goes on in every span of the worker."""

from collections.abc import Callable, Generator
from dataclasses import asdict

import pytest
from azure.core.settings import settings as azure_settings
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from function_app.host import telemetry
from function_app.store import paths
from function_app.store.jobs import Job
from tests.function_app.wire import Message, Worker, blob, json_text

# The worker library itself reads activities' input in a way that azure-functions will drop.
pytestmark = pytest.mark.filterwarnings("ignore:.*expected_type:DeprecationWarning")

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture(scope="module")
def exporter() -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return exporter


@pytest.fixture
def spans(exporter: InMemorySpanExporter) -> Generator[Callable[[], list[ReadableSpan]]]:
    """Return a way to get the spans of a test, those of Azure's libraries among them."""
    azure_settings.tracing_implementation = "opentelemetry"
    exporter.clear()
    yield lambda: list(exporter.get_finished_spans())
    azure_settings.tracing_implementation = None


def test_every_span_of_an_activity_has_the_trace_of_its_invocation(
    worker: Worker, spans: Callable[[], list[ReadableSpan]], upload: Callable[..., Job]
) -> None:
    job = upload(b"1", "traced.mp4")
    failure = {"job": asdict(job), "code": "not-a-video", "message": "it is a poem"}
    spans_before = len(spans())
    worker.invoke(
        "report_failure",
        trace_parent=f"00-{TRACE}-{PARENT}-01",
        payload=json_text(failure),
    )
    found = spans()[spans_before:]
    (ours,) = [span for span in found if span.name == "report_failure"]
    assert (ours.attributes or {})[telemetry.JOB_ID] == job.job_id
    assert ours.parent is not None
    assert f"{ours.parent.span_id:016x}" == PARENT
    assert len(found) > 1, "Azure's libraries have spans of their own"
    assert {f"{span.context.trace_id:032x}" for span in found} == {TRACE}


def test_an_invocation_without_a_trace_begins_one(
    worker: Worker, durable: Message, spans: Callable[[], list[ReadableSpan]]
) -> None:
    inputs = {"video": blob("DATA", paths.VIDEOS, "plain/gone.mp4"), "client": durable}
    worker.invoke("on_video_uploaded", trace_parent=f"00-{TRACE}-{PARENT}-01", **inputs)
    worker.invoke("on_video_uploaded", **inputs)
    traces = [f"{span.context.trace_id:032x}" for span in spans()]
    assert traces[0] == TRACE
    assert traces[-1] != TRACE
