"""The HTTP API, as methods."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Self
from urllib.parse import quote

import httpx

from cli.errors import RefusedError, UnreachableError
from cli.network import proxy_of, without_password
from cli.patience import Passing, Patience

LOCAL = "http://127.0.0.1:7071"
"""Where `make run` serves."""

ENDED = {"Completed", "Failed", "Cancelled"}
CODES = re.compile(r"\[(Errno -?\d+|SSL: \w+)\] | \(_ssl\.c:\d+\)")
"""What libraries put around their sentences, and people cannot read."""

OF_CERTIFICATES = (
    ("mismatch", "its certificate is for another name: ask for it by that"),
    ("expired", "have its certificate renewed, if this machine's clock is right"),
    ("certificate verify failed", "name a file in SSL_CERT_FILE that holds its authority's own"),
)
"""What libraries say of a certificate, and what helps."""

PROBLEM = "application/problem+json"
LOCKED = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}

type Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Job:
    """How a job stands.

    Attributes:
        id: of the job.
        name: of the video.
        style: that it is painted in.
        status: Pending, Running, Suspended, Completed, Failed or Cancelled.
        stage: what is being done: one of the keys of `display.STAGES`.
        done: frames painted.
        total: frames of the video; 0 before they are counted.
        fps: frames painted a second at present; None when nothing is.
        eta_s: seconds of painting left; None when that cannot be told.
        message: for people; of a job that failed what is wrong, and what to do.
        notes: what the result cannot keep, each a sentence.
        code: of the error, where the job failed.
        fields: all that the API says.
    """

    id: str
    name: str
    style: str
    status: str
    stage: str
    done: int
    total: int
    fps: float | None
    eta_s: float | None
    message: str
    notes: tuple[str, ...]
    code: str | None
    fields: Fields = field(repr=False, compare=False)

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """Read the JSON of the API."""
        error: dict[str, str | None] = fields.get("error") or {}
        return cls(
            id=fields["id"],
            name=fields["name"],
            style=fields["style"],
            status=fields["status"],
            stage=fields["stage"],
            done=fields["frames"]["done"],
            total=fields["frames"]["total"],
            fps=fields["fps"],
            eta_s=fields["eta_s"],
            message=_whole(error) or fields["message"],
            notes=tuple(fields["notes"]),
            code=error.get("code"),
            fields=fields,
        )

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.status in ENDED


@dataclass(frozen=True, slots=True)
class Listing:
    """Some of the jobs that there are.

    Attributes:
        jobs: newest first.
        missed: the uploads that have none yet since their event failed.
        has_more: whether there are older ones.
    """

    jobs: list[Job]
    missed: list[Fields]
    has_more: bool = False


class Client:
    """Talks to one deployment.

    Args:
        session: HTTP session whose base URL is the deployment's.

        patience: with what passes by itself, once the deployment has answered at all.

    Every method raises RefusedError where the API refuses, UnreachableError where nothing answers.
    """

    def __init__(self, session: httpx.Client, patience: Patience) -> None:
        """Keep both."""
        self._session = session
        self.patience = patience
        self._has_answered = False
        self._seen: dict[str, tuple[str, Fields]] = {}

    def styles(self) -> list[Fields]:
        """Return the styles, as the API has them."""
        return self._ask("GET", "/api/styles").json()["styles"]

    def jobs(self, top: int, **filters: str) -> list[Job]:
        """Return jobs, newest first.

        Args:
            top: most jobs to return; the API's pages are asked for as they are needed.
            filters: `status`, `style`, `video`.
        """
        return self.listing(top, **filters).jobs

    def listing(self, top: int, **filters: str) -> Listing:
        """Return jobs likewise, and what else there is to say of a list of them."""
        found: list[Job] = []
        missed: list[Fields] = []
        cursor: str | None = ""
        while cursor is not None and len(found) < top:
            query = {**filters, "top": str(min(top - len(found), 1000)), "cursor": cursor}
            page = self._ask("GET", "/api/jobs", params=query).json()
            found += [Job.read(fields) for fields in page["jobs"]]
            cursor, missed = page["next"], page.get("missed", [])
        return Listing(found, missed, has_more=cursor is not None)

    def job(self, job_id: str) -> Job:
        """Return how a job stands; asking again costs little where nothing is new."""
        tag, fields = self._seen.get(job_id, ("", {}))
        headers = {"If-None-Match": tag} if tag else {}
        answer = self._ask("GET", f"/api/jobs/{job_id}", headers=headers)
        if answer.status_code != HTTPStatus.NOT_MODIFIED:
            fields = answer.json()
            self._seen[job_id] = answer.headers["ETag"], fields
        return Job.read(fields)

    def cancel(self, job_id: str) -> None:
        """Ask for the end of a job."""
        self._ask("POST", f"/api/jobs/{job_id}/cancel")

    def delete(self, job_id: str, *, upload: bool = False) -> None:
        """Forget a job that has ended, and its result; where that is said, its upload, too."""
        query = {"upload": "true"} if upload else None
        self._ask("DELETE", f"/api/jobs/{job_id}", params=query)

    def preview(self, job_id: str) -> bytes | None:
        """Return a JPEG of what a job has made so far; None where there is none yet."""
        answer = self._ask("GET", f"/api/jobs/{job_id}/preview")
        return answer.content if answer.status_code == HTTPStatus.OK else None

    def thumbnail(self, style: str) -> bytes:
        """Return a JPEG of what a style does."""
        return self._ask("GET", f"/api/styles/{quote(style, safe='')}/thumbnail").content

    def result_url(self, job_id: str) -> str:
        """Return a URL that reads the painted video for an hour."""
        headers = {"Accept": "application/json"}
        return self._ask("GET", f"/api/jobs/{job_id}/result", headers=headers).json()["url"]

    def upload(self, order: Fields) -> Fields:
        """Ask where to put a video.

        Args:
            order: filename, style, bytes, and what else the API takes.

        Returns:
            The API's answer: where to put it and how, or the job that it has already.
        """
        return self._ask("POST", "/api/uploads", json=order).json()

    def forget(self, style: str) -> None:
        """Delete a style, or end its making."""
        self._ask("DELETE", f"/api/styles/{quote(style, safe='')}")

    def learn(self, order: Fields) -> Fields:
        """Ask where to put a painting to be learnt, or a checkpoint; answers as `upload` does."""
        return self._ask("POST", "/api/styles", json=order).json()

    def _ask(self, method: str, path: str, **request: Any) -> httpx.Response:
        return self.patience.through(lambda: self._ask_once(method, path, **request))

    def _ask_once(self, method: str, path: str, **request: Any) -> httpx.Response:
        url = self._session.base_url
        try:
            answer = self._session.request(method, path, **request)
        except httpx.TransportError as error:
            why = CODES.sub("", str(error)) or "it takes too long"
            said = f"{url} does not answer ({why})"
            if self._has_answered:
                raise Passing(said) from error
            advice = self._first_advice(why, refused=isinstance(error, httpx.ProxyError))
            raise UnreachableError(f"{said}: {advice}") from error
        if answer.status_code in LOCKED and not _is_ours(answer):
            raise UnreachableError(
                f"{url} lets nobody in without a key: give one with --key or in ATELIER_KEY, or "
                "sign in with --audience"
            )
        if answer.status_code == HTTPStatus.TOO_MANY_REQUESTS:
            raise Passing(f"{url} asks to be left alone for a while", _wait_s(answer))
        if answer.is_server_error:
            said = _refusal(answer).args[0]
            if self._has_answered or _is_ours(answer):
                raise Passing(said, _wait_s(answer))
            raise UnreachableError(said)
        if not self._has_answered and _is_strange(answer):
            said = f"{answer.status_code} {answer.reason_phrase}".strip()
            raise UnreachableError(
                f"{url} answered {said}, and not as Atelier does: is it the right URL?"
            )
        self._has_answered = True
        if answer.is_client_error:
            raise _refusal(answer)
        return answer

    def _first_advice(self, why: str, *, refused: bool) -> str:
        """Say what may help whoever is not answered; `refused` by a proxy, where there is one."""
        url = str(self._session.base_url)
        if url.rstrip("/") == LOCAL:
            return "run `make run` first, or name another deployment with --url"
        if "wrong version number" in why:
            return "it speaks no HTTPS, so its URL begins with http://"
        for said, advice in OF_CERTIFICATES:
            if said in why:
                return advice
        if proxy := proxy_of(url):
            shown = without_password(proxy)
            if "407" in why:
                return f"the proxy {shown} lets in who names it as http://NAME:PASSWORD@HOST:PORT"
            if refused:
                return f"so says the proxy {shown}; is it the right URL?"
            return f"is {shown}, by which it is asked for, the right proxy?"
        return "is it the right URL?"


def _whole(error: Mapping[str, str | None]) -> str:
    """Say of an error what is wrong, and then what to do if that is not within it already."""
    detail, action = error.get("detail") or "", error.get("action")
    return f"{detail.removesuffix('.')}. {action}" if action else detail


def _is_ours(answer: httpx.Response) -> bool:
    """Whether the app itself answers, and not what stands before it."""
    return answer.headers.get("Content-Type", "").startswith(PROBLEM)


def _is_strange(answer: httpx.Response) -> bool:
    """Whether it is another's: a redirect, a page, or a refusal without the app's own sentence."""
    if answer.is_client_error:
        return not _is_ours(answer)
    is_page = answer.headers.get("Content-Type", "").startswith("text/html")
    return is_page or answer.has_redirect_location


def _wait_s(answer: httpx.Response) -> float:
    """Return how many seconds the other side asks to be left alone."""
    asked = answer.headers.get("Retry-After", "")
    return float(asked) if asked.isdecimal() else 0.0


def _refusal(answer: httpx.Response) -> RefusedError:
    try:
        problem: dict[str, str] = answer.json()
        return RefusedError(problem["detail"], problem["code"])
    except (ValueError, KeyError):
        said = f"{answer.status_code} {answer.reason_phrase}"
        return RefusedError(f"{answer.request.url} answered {said}")
