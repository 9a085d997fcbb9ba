"""An upload is held to the size that was declared for it, and to the version of its job."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from function_app.errors import InputError
from function_app.stages.preprocess import preprocess
from function_app.store import paths, storage, uploads
from function_app.store.jobs import Job
from tests.function_app.clips import Clips

type Upload = Callable[..., Job]


def soon() -> datetime:
    return datetime.now(UTC) + timedelta(hours=1)


def test_a_video_bigger_than_declared_is_refused(clips: Clips, upload: Upload) -> None:
    size = clips["plain.mp4"].stat().st_size
    uploads.declare(paths.Video("plain", "grown.mp4"), size - 1, soon())
    with pytest.raises(InputError, match=rf"has {size} bytes, more than the {size - 1} that were"):
        preprocess(upload(clips["plain.mp4"], "grown.mp4"))


def test_what_came_after_the_url_expired_came_by_another_way(clips: Clips, upload: Upload) -> None:
    before = datetime.now(UTC) - timedelta(minutes=1)
    uploads.declare(paths.Video("plain", "later.mp4"), 1, before)
    assert preprocess(upload(clips["plain.mp4"], "later.mp4")).frames == 48


def test_a_video_as_big_as_declared_is_taken(clips: Clips, upload: Upload) -> None:
    uploads.declare(paths.Video("plain", "exact.mp4"), clips["plain.mp4"].stat().st_size, soon())
    assert preprocess(upload(clips["plain.mp4"], "exact.mp4")).frames == 48


def test_a_declaration_lies_where_no_signed_url_reaches() -> None:
    video = paths.Video("plain", "declared.mp4")
    uploads.declare(video, 5, soon())
    assert storage.blob(paths.JOBS, video.declaration).exists()
    assert video.declaration.partition("/")[0] in paths.OWN_FOLDERS


def test_a_video_is_current_until_it_is_replaced(upload: Upload) -> None:
    job = upload(b"first", "current.mp4")
    uploads.check_current(job)
    assert not uploads.is_replaced(job)
    upload(b"second", "current.mp4")
    with pytest.raises(InputError, match="was replaced by a newer upload"):
        uploads.check_current(job)
    assert uploads.is_replaced(job)


def test_a_deleted_video_is_not_replaced(upload: Upload) -> None:
    job = upload(b"first", "deleted now.mp4")
    storage.blob(paths.VIDEOS, job.video.blob).delete_blob()
    with pytest.raises(InputError, match="was deleted before its job ended: upload it again"):
        uploads.check_current(job)
    assert not uploads.is_replaced(job)
