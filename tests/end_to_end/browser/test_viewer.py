"""Before and after: two videos in step."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.end_to_end.browser.conftest import Visit
from tests.end_to_end.browser.visitor import Visitor
from tests.end_to_end.conftest import Atelier
from tests.end_to_end.media import RATE, Media
from tests.function_app.clips import ffmpeg

type Painted = Callable[[bytes, str], str]

STEP_S = 0.05


@pytest.fixture(scope="package")
def painted(atelier: Atelier) -> Painted:
    """Return a way to have a video painted; gives the id of its job."""

    def paint(video: bytes, name: str) -> str:
        job_id = atelier.upload(video, name)
        assert atelier.wait(job_id)["status"] == "Completed"
        return job_id

    return paint


@pytest.fixture(scope="package")
def viewed(painted: Painted, media: Media) -> str:
    """The id of a job that is done."""
    return painted(media.moving(4), "viewed.mp4")


@pytest.fixture
def viewing(request: pytest.FixtureRequest, visit: Visit) -> Visitor:
    """A window with the viewer open, both videos loaded and standing still."""
    request.getfixturevalue("viewed")
    visitor = visit()
    visitor.view("viewed.mp4")
    visitor.wait_for(
        "[...document.querySelectorAll('#viewer video')].every((video) => video.readyState >= 3)"
    )
    return visitor


def test_both_videos_play_and_stop_together(viewing: Visitor) -> None:
    assert viewing.videos("video.paused") == [True, True]
    viewing.viewer.get_by_role("button", name="Play").click()
    viewing.wait_for(
        "[...document.querySelectorAll('#viewer video')].every((video) => video.currentTime > 0.5)"
    )
    viewing.viewer.get_by_role("button", name="Pause").click()
    assert viewing.videos("video.paused") == [True, True]
    painted, original = viewing.videos("video.currentTime")
    assert painted == pytest.approx(original, abs=STEP_S)


def test_they_play_at_once_where_movement_is_welcome(visit: Visit, viewed: str) -> None:
    visitor = visit(path=f"/#{viewed}", reduced_motion="no-preference")
    expect(visitor.viewer.get_by_role("button", name="Pause")).to_be_visible()


def test_both_videos_go_to_the_same_place(viewing: Visitor) -> None:
    viewing.viewer.get_by_label("Position in the video").fill("2.5")
    assert viewing.videos("video.currentTime") == [2.5, 2.5]
    expect(viewing.viewer).to_contain_text("0:02 / 0:04")


def test_what_has_ended_begins_anew(viewing: Visitor) -> None:
    viewing.viewer.get_by_label("Position in the video").fill("3.8")
    viewing.viewer.get_by_role("button", name="Play").click()
    play = viewing.viewer.get_by_role("button", name="Play", exact=True)
    expect(play).to_be_visible()
    play.click()
    viewing.wait_for("document.querySelector('#viewer video').currentTime < 3")


def test_the_divider_moves_by_key_and_uncovers_what_lies_below(viewing: Visitor) -> None:
    divider = viewing.viewer.get_by_label("How much of the video as it was is shown")
    covered = "getComputedStyle(video).clipPath"
    assert "50%" in viewing.videos(covered)[1]
    divider.press("Home")
    assert divider.get_attribute("aria-valuetext") == "0 % as it was"
    assert "100%" in viewing.videos(covered)[1]
    divider.press("End")
    assert viewing.videos(covered)[1] in {"inset(0px)", "inset(0px 0% 0px 0px)"}
    assert viewing.videos(covered)[0] == "none"


def test_only_the_painted_video_is_heard(viewing: Visitor) -> None:
    assert viewing.videos("video.muted") == [False, True]
    viewing.viewer.get_by_role("button", name="Mute").click()
    assert viewing.videos("video.muted") == [True, True]


def test_escape_closes_it_and_gives_the_focus_back(viewing: Visitor) -> None:
    viewing.page.keyboard.press("Escape")
    expect(viewing.viewer).not_to_be_visible()
    work = viewing.work("viewed.mp4")
    expect(work.get_by_role("button", name="Before and after")).to_be_focused()
    assert viewing.videos("video.currentSrc && video.networkState !== 0 && !video.paused") == [
        False,
        False,
    ]


def test_space_plays_and_does_not_close(viewing: Visitor) -> None:
    viewing.page.keyboard.press("Space")
    viewing.wait_for("!document.querySelector('#viewer video').paused")
    viewing.viewer.get_by_label("Position in the video").focus()
    viewing.page.keyboard.press("Space")
    assert viewing.videos("video.paused") == [True, True]
    expect(viewing.viewer).to_be_visible()


def test_a_key_goes_a_frame_on_and_back(viewing: Visitor) -> None:
    viewing.viewer.get_by_label("Position in the video").fill("2")
    for key, frame in ((".", 51), (".", 52), (",", 51)):
        viewing.page.keyboard.press(key)
        expected = pytest.approx((frame + 0.5) / RATE, abs=0.001)
        assert viewing.videos("video.currentTime") == [expected, expected]
    viewing.viewer.locator("[data-part=back]").click()
    assert viewing.videos("video.currentTime")[0] == pytest.approx(50.5 / RATE, abs=0.001)


def test_a_pixel_may_be_as_big_as_one_of_the_screen(viewing: Visitor) -> None:
    width = "document.querySelector('.stage').getBoundingClientRect().width"
    assert viewing.page.evaluate(width) > 160
    zoom = viewing.viewer.get_by_role("button", name="100 %")
    zoom.click()
    assert viewing.page.evaluate(width) == 160
    expect(zoom).to_have_attribute("aria-pressed", "true")
    viewing.page.keyboard.press("z")
    assert viewing.page.evaluate(width) > 160


def test_it_fills_the_screen_with_its_controls(viewing: Visitor) -> None:
    viewing.page.keyboard.press("f")
    viewing.wait_for("document.fullscreenElement !== null")
    expect(viewing.viewer.get_by_role("button", name="Full screen")).to_be_in_viewport()
    viewing.page.keyboard.press("f")
    viewing.wait_for("document.fullscreenElement === null")
    expect(viewing.viewer).to_be_visible()


def test_its_address_opens_it_again(visit: Visit, viewed: str) -> None:
    visitor = visit(path=f"/#{viewed}")
    expect(visitor.viewer.get_by_role("heading")).to_have_text("viewed.mp4")
    visitor.page.reload()
    expect(visitor.viewer.get_by_role("heading")).to_have_text("viewed.mp4")


@pytest.fixture(scope="package")
def unplayed(painted: Painted, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The id of a job whose video no browser plays."""
    video = tmp_path_factory.mktemp("unplayed") / "old.avi"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=160x120:r=25:d=1", "-c:v", "mpeg4", str(video))
    return painted(video.read_bytes(), "old.avi")


def test_a_result_that_keeps_every_track_is_looked_at_likewise(
    visit: Visit, files: Callable[[str, bytes], Path], media: Media
) -> None:
    visitor = visit()
    visitor.page.get_by_text("How it is painted").click()
    visitor.page.get_by_label("Keep every track as it is").check()
    visitor.drop(files("tracks.mp4", media.moving(1)))
    visitor.wait_until_painted("tracks.mp4")
    visitor.view("tracks.mp4")
    visitor.wait_for(
        "[...document.querySelectorAll('#viewer video')].every((video) => video.readyState >= 3)"
    )
    assert [".mkv?" in source for source in visitor.videos("video.src")] == [True, False]


@pytest.mark.usefixtures("unplayed")
def test_what_the_browser_cannot_play_is_shown_by_a_copy(visit: Visit) -> None:
    visitor = visit()
    viewer = visitor.view("old.avi")
    visitor.wait_for(
        "[...document.querySelectorAll('#viewer video')].every((video) => video.readyState >= 3)"
    )
    assert visitor.videos("video.duration") == pytest.approx([1.0, 1.0], abs=0.01)
    assert visitor.videos("video.videoWidth") == [160, 160]
    expect(viewer.get_by_label("How much of the video as it was")).to_be_visible()


@pytest.mark.usefixtures("unplayed")
def test_where_there_is_no_copy_a_sheet_shows_how_it_was(visit: Visit, atelier: Atelier) -> None:
    atelier.container("results").delete_blob("identity/old.before.m4v")
    visitor = visit(reduced_motion="no-preference")
    viewer = visitor.view("old.avi")
    expect(viewer).to_contain_text("This browser cannot play the video as it was")
    expect(viewer.get_by_alt_text("above as they were, below as painted")).to_be_visible()
    expect(viewer.get_by_label("How much of the video as it was")).not_to_be_visible()
    visitor.wait_for("document.querySelector('#viewer video').currentTime > 0.2")
