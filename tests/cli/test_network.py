"""A company's network: its proxy, and a server whose certificate its own authority has signed."""

import ssl
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from http.server import ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import override

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cli.deployment import Deployment
from cli.errors import UnreachableError
from cli.network import TRUSTED, session
from tests.cli.test_deployment import Locked

type Key = ec.EllipticCurvePrivateKey

NAME = "localhost"
FAR = "http://atelier.example"
SETTINGS = (*TRUSTED, "HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY",
            "all_proxy", "NO_PROXY", "no_proxy")  # fmt: skip


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin with nothing said of proxies and certificates."""
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)


class Open(Locked):
    """Lets everybody in."""

    @override
    def answer(self) -> tuple[HTTPStatus, bytes]:
        return HTTPStatus.OK, b'{"styles": []}'


class Company:
    """An authority, whose certificate lies in a file.

    Attributes:
        file: with its certificate, as text.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._certificate = self._signed("Company", self._key, is_authority=True)
        self.file = folder / "company.pem"
        self.file.write_bytes(text_of(self._certificate))

    def server(self, name: str, *, ended: bool = False) -> ssl.SSLContext:
        """Return the context of a server of that name, whose certificate may have ended."""
        key = ec.generate_private_key(ec.SECP256R1())
        file, secret = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        file.write_bytes(text_of(self._signed(name, key, ended=ended)))
        form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        secret.write_bytes(key.private_bytes(serialization.Encoding.PEM, *form))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file, secret)
        return context

    def _signed(
        self, name: str, key: Key, *, is_authority: bool = False, ended: bool = False
    ) -> x509.Certificate:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        end = datetime.now(UTC) + timedelta(days=-1 if ended else 1)
        begun = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if is_authority else self._certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(end - timedelta(days=2))
            .not_valid_after(end)
        )
        names, usual = x509.SubjectAlternativeName([x509.DNSName(name)]), False
        purpose = x509.KeyUsage(True, usual, usual, usual, usual, is_authority, usual, usual, usual)
        authority = self._key.public_key()
        signed = (
            begun.add_extension(x509.BasicConstraints(is_authority, None), critical=True)
            .add_extension(purpose, critical=True)
            .add_extension(names, critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority), False)
        )
        return signed.sign(self._key, hashes.SHA256())


def text_of(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


@contextmanager
def served(handler: type[Locked], context: ssl.SSLContext | None = None) -> Generator[int]:
    """Serve on a port of this machine, by TLS where there is a context."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        Thread(target=server.serve_forever, args=[0.05]).start()
        try:
            yield server.server_port
        finally:
            server.shutdown()


@pytest.fixture
def company(tmp_path: Path) -> Company:
    return Company(tmp_path)


def refusal(url: str) -> str:
    """Return the sentence that whoever asks first is told."""
    with pytest.raises(UnreachableError) as refused, Deployment(url).client() as client:
        client.styles()
    return str(refused.value)


@pytest.mark.parametrize("variable", TRUSTED)
def test_who_signs_for_the_company_is_trusted_by_the_api_and_for_files(
    company: Company, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    with served(Open, company.server(NAME)) as port:
        url = f"https://{NAME}:{port}"
        said = "name a file in SSL_CERT_FILE that holds its authority's own"
        assert refusal(url).endswith(said)
        monkeypatch.setenv(variable, str(company.file))
        with Deployment(url).client() as client:
            assert client.styles() == []
        with session() as files:
            assert files.get(url, timeout=60).ok


@pytest.mark.parametrize(
    ("name", "ended", "said"),
    [
        ("atelier.example", False, "its certificate is for another name: ask for it by that"),
        (NAME, True, "have its certificate renewed, if this machine's clock is right"),
    ],
)
def test_what_is_wrong_with_a_certificate_is_said(
    company: Company, monkeypatch: pytest.MonkeyPatch, name: str, ended: bool, said: str
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(company.file))
    with served(Open, company.server(name, ended=ended)) as port:
        assert refusal(f"https://{NAME}:{port}").endswith(f"): {said}")


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_a_file_that_holds_no_certificates_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    file = tmp_path / "none.pem"
    if content is not None:
        file.write_bytes(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    said = f"SSL_CERT_FILE names {file}, and there are no certificates"
    assert refusal("https://atelier.example").startswith(said)


class Barred(Locked):
    """A proxy that wants to know who asks."""

    status = HTTPStatus.PROXY_AUTHENTICATION_REQUIRED

    def do_CONNECT(self) -> None:  # noqa: N802 - the library's name
        self.send_error(self.status)


class Lost(Barred):
    """A proxy that knows no such host."""

    status = HTTPStatus.BAD_GATEWAY


@pytest.mark.parametrize(
    ("proxy", "said"),
    [
        (Barred, "the proxy {proxy} lets in who names it as http://NAME:PASSWORD@HOST:PORT"),
        (Lost, "so says the proxy {proxy}; is it the right URL?"),
    ],
)
def test_what_a_proxy_says_is_said(
    monkeypatch: pytest.MonkeyPatch, proxy: type[Locked], said: str
) -> None:
    with served(proxy) as port:
        monkeypatch.setenv("HTTPS_PROXY", f"127.0.0.1:{port}")
        told = refusal("https://atelier.example")
        assert told.endswith(said.format(proxy=f"http://127.0.0.1:{port}"))


def test_a_proxy_that_does_not_answer_is_named_without_its_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with served(Open) as port:
        pass
    monkeypatch.setenv("HTTP_PROXY", f"http://anna:secret@127.0.0.1:{port}")
    asked_for = f"is http://127.0.0.1:{port}, by which it is asked for, the right proxy?"
    assert refusal(FAR).endswith(asked_for)


def test_a_proxy_of_another_kind_is_refused_and_only_where_it_would_be_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    said = f"{FAR} is asked for by the proxy socks5://127.0.0.1:9, and only HTTP proxies can"
    assert refusal(FAR).startswith(said)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with served(Open) as port, Deployment(f"http://127.0.0.1:{port}").client() as client:
        assert client.styles() == []
