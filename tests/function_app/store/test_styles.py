"""How each style stands is told by the container of styles alone."""

import json
import time
import uuid
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from emulator.config import PROJECT_ROOT
from function_app.errors import InputError
from function_app.stages import learning
from function_app.store import paths, storage, styles
from function_app.store.jobs import Job
from function_app.store.styles import State, Style
from tests.function_app.made_styles import safetensors, style_file

type Put = Callable[..., Job]


@pytest.fixture
def name() -> str:
    return f"style {uuid.uuid4().hex[:8]}"


@pytest.fixture
def put(name: str) -> Put:
    """Return a way to put a file of the style's name into the container."""

    def write(suffix: str, content: bytes = b"content", job: Job | None = None) -> Job:
        metadata = {styles.JOB_ID: job.job_id} if job else None
        client = storage.blob(paths.STYLES, name + suffix)
        etag = client.upload_blob(content, overwrite=True, metadata=metadata)["etag"]
        return Job.of_style(client.blob_name, etag)

    return write


def report(sentence: str) -> bytes:
    return json.dumps({"error": sentence}).encode()


def test_a_file_is_a_style_that_is_ready(name: str, put: Put) -> None:
    put(".safetensors", style_file(painting="a.jpg"))
    ready = Style(name, State.READY, {"format_version": "1", "painting": "a.jpg"})
    assert styles.find(name) == ready
    assert ready in styles.all_styles()


def test_others_are_those_that_paint_the_shipped_first(name: str, put: Put) -> None:
    put(".safetensors", style_file(flop_per_pixel="9.0"))
    there = [style.name for style in styles.others("scream")]
    assert there[:3] == ["composition_vii", "great_wave", "starry_night"]
    assert name in there
    assert not {"identity", "scream"} & {*there}
    put(".safetensors", style_file(scorer="motion"))
    assert name not in [style.name for style in styles.others("scream")]
    assert styles.others(name) == [], "lines show nothing"
    put(".jpg")
    assert name not in [style.name for style in styles.others("scream")]


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".png", ".pth", ".JPG"])
def test_a_painting_or_checkpoint_is_being_made_a_style(name: str, put: Put, suffix: str) -> None:
    job = put(suffix)
    assert styles.find(name) == Style(name, State.LEARNING, {}, job_id=job.job_id)
    assert (job.style, job.name, job.makes_style) == (name, name + suffix, True)


def test_a_style_that_its_job_has_made_is_ready(name: str, put: Put) -> None:
    put(".safetensors", style_file(), job=put(".jpg"))
    assert styles.usable(name).state == State.READY


def test_a_newer_painting_is_learnt_anew(name: str, put: Put) -> None:
    put(".safetensors", style_file(), job=put(".jpg"))
    job = put(".jpg", b"another painting")
    style = styles.usable(name)
    assert (style.state, style.job_id) == (State.LEARNING, job.job_id)
    assert style.metadata == {"format_version": "1"}


def test_a_style_that_was_given_later_than_its_painting_is_ready(name: str, put: Put) -> None:
    put(".jpg")
    time.sleep(1.1)  # storage tells seconds apart
    put(".safetensors", style_file())
    assert styles.usable(name).state == State.READY


def test_the_styles_that_atelier_comes_with_are_known() -> None:
    files = (PROJECT_ROOT / "styles").glob("*.safetensors")
    assert {file.stem for file in files} == styles.SHIPPED


def test_nothing_takes_the_name_of_a_shipped_style() -> None:
    job = Job.of_style("identity.pth", "etag")
    storage.write(paths.STYLES, "identity.pth", b"weights", "")
    assert styles.usable("identity").state == State.READY
    with pytest.raises(InputError, match="identity is a style that Atelier comes with"):
        learning.prepare(job)
    storage.delete(paths.STYLES, "identity.pth")


def test_a_style_that_is_forgotten_leaves_nothing(name: str, put: Put) -> None:
    for suffix in (".jpg", ".safetensors", ".error.json"):
        put(suffix)
    put("er.jpg")
    styles.forget(name)
    assert list(storage.names(paths.STYLES, name)) == [f"{name}er.jpg"]


@pytest.mark.parametrize("typed", ["Great Wave", "great-wave", "greatwave", "great_wav"])
def test_a_style_that_was_meant_is_named(typed: str) -> None:
    with pytest.raises(InputError, match="did you mean 'great_wave'"):
        styles.usable(typed)


def test_of_two_sources_one_counts_for_all(name: str, put: Put) -> None:
    jobs = [put(".png"), put(".jpg"), put(".pth")]
    (current,) = [job for job in jobs if styles.is_current(job)]
    assert styles.usable(name).job_id == current.job_id


def test_a_failure_is_told_in_its_sentence(name: str, put: Put) -> None:
    put(".error.json", report("it is a poem"), job=put(".jpg"))
    assert styles.find(name) == Style(name, State.FAILED, {}, "it is a poem")
    with pytest.raises(InputError, match=f"the style '{name}' cannot be used: it is a poem"):
        styles.usable(name)


def test_a_style_stays_when_a_newer_painting_fails(name: str, put: Put) -> None:
    put(".safetensors", style_file())
    put(".error.json", report("it is a poem"), job=put(".jpg"))
    style = styles.usable(name)
    assert (style.state, style.message) == (State.READY, "it is a poem")


def test_a_report_of_an_older_painting_says_nothing(name: str, put: Put) -> None:
    put(".error.json", report("it is a poem"), job=put(".jpg"))
    put(".jpg", b"another painting")
    assert styles.usable(name).state == State.LEARNING


def test_what_is_not_there_is_unknown(name: str) -> None:
    assert styles.find(name) is None
    storage.write(paths.STYLES, f"{name}.more.safetensors", style_file(), "")
    assert styles.find(name) is None
    with pytest.raises(InputError, match=f"there is no style '{name}': .*{name}.more"):
        styles.usable(name)


WHOLE = style_file()


@pytest.mark.parametrize(
    "content",
    [
        *(WHOLE[:length] for length in (0, 5, 20, len(WHOLE) - 1)),
        WHOLE + b"more",
        b"no weights at all",
        (2**63).to_bytes(8, "little") + b"{}",
        safetensors([]),
        safetensors({"a": {}}),
        safetensors({"__metadata__": {}, "a": {"data_offsets": "12"}}),
    ],
)
def test_a_damaged_file_is_a_failed_style(name: str, put: Put, content: bytes) -> None:
    put(".safetensors", content)
    with pytest.raises(InputError, match=r"is damaged or not a \.safetensors file: upload it"):
        styles.usable(name)


def test_a_long_header_is_read_whole(name: str, put: Put) -> None:
    put(".safetensors", style_file(thumbnail="x" * 10**6))
    assert len(styles.usable(name).metadata["thumbnail"]) == 10**6


@hypothesis_settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.binary(max_size=200))
def test_no_content_breaks_the_list(name: str, put: Put, content: bytes) -> None:
    put(".safetensors", len(content).to_bytes(8, "little") + content)
    assert name in {style.name for style in styles.all_styles()}
