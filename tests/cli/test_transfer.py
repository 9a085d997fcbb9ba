"""Files to and from real Azurite, also when they break off."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from azure.storage.blob import BlobClient, BlobSasPermissions, generate_blob_sas

from cli import transfer
from cli.errors import ChangedError, RefusedError, UnreachableError
from cli.transfer import BLOCK, Stamp, download, md5_of, upload
from emulator.config import ACCOUNT, ACCOUNT_KEY, Config
from tests.function_app.conftest import azurite_config  # noqa: F401 - a fixture

SIZE = 5 * BLOCK + 1
LEAVE = BlobSasPermissions(create=True, write=True, read=True)
NEW = {"x-ms-blob-type": "BlockBlob", "If-None-Match": "*", "x-ms-meta-strength": "0.5"}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("transfer") / "video.mp4"
    file.write_bytes(os.urandom(SIZE))
    return file


@pytest.fixture
def url(azurite_config: Config, request: pytest.FixtureRequest) -> str:  # noqa: F811
    """A URL that may write one blob, as the API gives it."""
    name = f"transfer/{request.node.name}"
    token = generate_blob_sas(
        ACCOUNT,
        "videos",
        name,
        account_key=ACCOUNT_KEY,
        permission=LEAVE,
        expiry=datetime.now(UTC) + timedelta(hours=1),
    )
    return f"{azurite_config.blob_url}/videos/{name}?{token}"


@pytest.fixture
def staged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the blocks that are really sent."""
    names: list[str] = []
    stage = BlobClient.stage_block

    def spy(self: BlobClient, block_id: str, *rest: object, **more: object) -> object:
        names.append(block_id)
        return stage(self, block_id, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(BlobClient, "stage_block", spy)
    return names


def content(url: str) -> bytes:
    with BlobClient.from_blob_url(url) as blob:
        return blob.download_blob().readall()


def test_a_file_arrives_whole_with_its_metadata(file: Path, url: str) -> None:
    arrived: list[int] = []
    upload(file, url, NEW, arrived.append)
    assert (sum(arrived), content(url)) == (SIZE, file.read_bytes())
    with BlobClient.from_blob_url(url) as blob:
        assert blob.get_blob_properties().metadata == {"strength": "0.5"}


def test_an_upload_that_broke_off_goes_on_where_it_stopped(
    file: Path, url: str, staged: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "LANES", 1)

    def break_off(_: int) -> None:
        if len(staged) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        upload(file, url, NEW, break_off)
    before = list(staged)
    upload(file, url, NEW, lambda _: None)
    assert content(url) == file.read_bytes()
    assert len(staged) == len(set(staged)) == 6
    assert 3 <= len(before) < 6


def test_an_upload_of_another_file_takes_no_block_of_the_first(
    file: Path, url: str, tmp_path: Path
) -> None:
    def break_off(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        upload(file, url, NEW, break_off)
    (other := tmp_path / "video.mp4").write_bytes(os.urandom(SIZE))
    upload(other, url, NEW, lambda _: None)
    assert content(url) == other.read_bytes()


def test_an_upload_replaces_nothing_that_it_was_not_granted_for(file: Path, url: str) -> None:
    upload(file, url, NEW, lambda _: None)
    with pytest.raises(RefusedError, match="was uploaded by someone else meanwhile"):
        upload(file, url, NEW, lambda _: None)


def test_a_storage_that_refuses_is_said_to_do_so(file: Path, url: str) -> None:
    with pytest.raises(UnreachableError, match=r"the storage refuses video\.mp4 \(403\)"):
        upload(file, url.replace("sig=", "sig=x"), NEW, lambda _: None)


def test_a_download_appears_whole_or_not_at_all(file: Path, url: str, tmp_path: Path) -> None:
    upload(file, url, NEW, lambda _: None)
    target = tmp_path / "new folder" / "painted.mp4"

    def break_off(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download(url, target, break_off)
    assert not target.exists()
    download(url, target, lambda _: None)
    assert target.read_bytes() == file.read_bytes()
    assert list(target.parent.iterdir()) == [target], "nothing is left of what broke off"


def test_a_file_that_changes_while_it_is_uploaded_is_no_upload(url: str, tmp_path: Path) -> None:
    (growing := tmp_path / "film.mp4").write_bytes(os.urandom(2 * BLOCK))

    def cut_short(_: int) -> None:
        growing.write_bytes(b"short")

    with pytest.raises(ChangedError, match=r"film\.mp4 changed since it was chosen"):
        upload(growing, url, NEW, cut_short)
    with BlobClient.from_blob_url(url) as blob:
        assert not blob.exists()


def test_a_file_that_changed_before_its_upload_is_none(url: str, tmp_path: Path) -> None:
    (file := tmp_path / "film.mp4").write_bytes(b"first")
    stamp = Stamp.of(file)
    file.write_bytes(b"second and longer")
    with pytest.raises(ChangedError):
        upload(file, url, NEW, lambda _: None, stamp=stamp)


def test_a_url_that_has_expired_is_asked_for_anew(file: Path, url: str) -> None:
    expired, asked = url.replace("sig=", "sig=x"), []

    def renew() -> str:
        asked.append(url)
        return url

    upload(file, expired, NEW, lambda _: None, renew=renew)
    assert (content(url), len(asked)) == (file.read_bytes(), 1)


def test_a_url_that_is_refused_though_it_is_new_is_given_up(file: Path, url: str) -> None:
    wrong = url.replace("sig=", "sig=x")
    with pytest.raises(UnreachableError, match=r"refuses video\.mp4 \(403\)"):
        upload(file, wrong, NEW, lambda _: None, renew=lambda: wrong)


def test_an_upload_whose_answer_was_lost_has_succeeded(file: Path, url: str) -> None:
    known = NEW | {"x-ms-blob-content-md5": md5_of(file)}
    upload(file, url, known, lambda _: None)
    upload(file, url, known, lambda _: None)
    assert content(url) == file.read_bytes()


def test_the_same_file_with_other_options_is_anothers_upload(file: Path, url: str) -> None:
    known = NEW | {"x-ms-blob-content-md5": md5_of(file)}
    upload(file, url, known, lambda _: None)
    with pytest.raises(RefusedError, match="was uploaded by someone else meanwhile"):
        upload(file, url, known | {"x-ms-meta-strength": "0.7"}, lambda _: None)


def test_md5_of_is_what_http_has(tmp_path: Path) -> None:
    (file := tmp_path / "empty").touch()
    assert md5_of(file) == "1B2M2Y8AsgTpgAmY7PhCfg=="
