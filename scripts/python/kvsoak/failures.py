"""What went wrong, in one form for requests, watchers, processes and commands."""

import http.client
import json
from dataclasses import asdict, dataclass

TEXT_CHARACTERS_MAX = 300


@dataclass(frozen=True)
class Failure:
    """`what` is a word that rules name: a status with the name of its problem (`503 unavailable`),
    how a connection broke (`refused`, `reset`, `closed`, `timeout`), or another kind of failure."""

    # Seconds after the start of the run: from when to when it may have happened.
    begin: float
    end: float
    # A kind of request, or the part of the system.
    where: str
    what: str
    text: str = ""

    def document(self):
        return asdict(self)


def answered(status, fields, body):
    """What and text of an answer that is none of the good ones."""
    problem = {}
    if "json" in (fields["Content-Type"] or ""):
        try:
            problem = json.loads(body)
        except ValueError:
            problem = {}
    name = str(problem.get("type", "")).rpartition("#")[2] or "without a problem"
    marks = [f"Retry-After: {fields['Retry-After']}"] if fields["Retry-After"] else []
    if fields["X-Request-ID"]:
        marks.append(f"X-Request-ID: {fields['X-Request-ID']}")
    text = f"{problem.get('detail') or body[:200]!r} {'; '.join(marks)}".strip()
    return f"{status} {name}", text[:TEXT_CHARACTERS_MAX]


def broken(error):
    """What and text of a connection that broke."""
    if isinstance(error, TimeoutError):
        what = "timeout"
    elif isinstance(error, ConnectionRefusedError):
        what = "refused"
    # Before its base, ConnectionResetError: the server closed without an answer.
    elif isinstance(error, http.client.RemoteDisconnected):
        what = "closed"
    elif isinstance(error, (ConnectionResetError, BrokenPipeError)):
        what = "reset"
    elif isinstance(error, http.client.HTTPException):
        what = "closed"
    else:
        what = "broken"
    return what, repr(error)[:TEXT_CHARACTERS_MAX]
