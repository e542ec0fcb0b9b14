"""The store under load: whether it is there, and its keys before and after."""

import http.client
import json
import ssl
import time
from urllib.parse import urlencode, urlsplit

from .errors import LoadTestError

# Bounds of POST /batch, with room for what is around the values.
BATCH_OPERATIONS_MAX = 1000
BATCH_BYTES_MAX = 6 << 20
# How long a store may say that it is busy before it counts as broken.
PATIENCE_SECONDS = 30
TIMEOUT_SECONDS = 60


class Store:
    """One connection to the API. Closed by `close`."""

    def __init__(self, options):
        self.options = options
        address = urlsplit(options.url)
        if address.scheme == "https":
            context = ssl.create_default_context()
            if options.insecure:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            self._connection = http.client.HTTPSConnection(
                address.hostname, address.port, timeout=TIMEOUT_SECONDS, context=context
            )
        else:
            self._connection = http.client.HTTPConnection(
                address.hostname, address.port, timeout=TIMEOUT_SECONDS
            )

    def close(self):
        """Ends the connection."""
        self._connection.close()

    def check(self):
        """Fails with what is wrong, if the store can't be measured."""
        status, body = self._request("GET", "/health/ready")
        try:
            ready = json.loads(body)["status"]
        except (ValueError, TypeError, KeyError):
            ready = None
        if ready is None:
            raise LoadTestError(
                f"{self.options.url} answers, but is no such store: /health/ready was answered "
                f"{status}. Name the store with --url"
            )
        if status != 200:
            raise LoadTestError(f"the store is not ready: /health/ready was answered {status}")
        # Needs any token, and no scope: a wrong one is found out before minutes of preparation.
        self._ask("POST", "/batch", {"operations": []}, allowing=[400])

    def prepare(self, first, last, progress):
        """Stores the keys with these numbers."""
        size = self.options.value_size
        step = max(1, min(BATCH_OPERATIONS_MAX, BATCH_BYTES_MAX // (size + 1200)))
        value = self.options.value.decode()
        for start in range(first, last + 1, step):
            progress(start - first, last - first + 1)
            numbers = range(start, min(start + step, last + 1))
            put = {"op": "put", "value": value, "content_type": "text/plain"}
            self._batch([put | {"key": f"{self.options.prefix}{number}"} for number in numbers])

    def remove(self):
        """Deletes every key of this run. Returns how many there were."""
        removed = 0
        while True:
            query = urlencode({"prefix": self.options.prefix, "limit": BATCH_OPERATIONS_MAX})
            # The database's own answer: keys that were deleted a moment ago are not listed again.
            keys = [item["key"] for item in self._ask("GET", f"/kv?{query}")["items"]]
            if not keys:
                return removed
            self._batch([{"op": "delete", "key": key} for key in keys])
            removed += len(keys)

    def _batch(self, operations):
        """Carries out all of them, those that the store was too busy for again."""
        end = time.monotonic() + PATIENCE_SECONDS
        while operations:
            results = self._ask("POST", "/batch", {"operations": operations})["results"]
            failed = [
                (operation, result)
                for operation, result in zip(operations, results)
                # Nothing to delete is as good as deleted.
                if result["status"] not in (200, 201, 202, 204, 404)
            ]
            operations = [operation for operation, _ in failed]
            refused = [result for _, result in failed if result["status"] not in (429, 503)]
            if refused or (failed and time.monotonic() > end):
                result = (refused or [result for _, result in failed])[0]
                raise LoadTestError(_refusal("a key of this test", result["status"], result))
            if failed:
                time.sleep(0.5)

    def _ask(self, method, path, document=None, allowing=()):
        """The JSON document that is answered. Waits when the store asks for that."""
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            status, body = self._request(method, path, document)
            if status not in (429, 503) or time.monotonic() > end:
                break
            time.sleep(0.5)
        try:
            answer = json.loads(body)
        except ValueError:
            answer = {}
        if status != 200 and status not in allowing:
            raise LoadTestError(_refusal(f"{method} {path.partition('?')[0]}", status, answer))
        return answer

    def _request(self, method, path, document=None):
        fields = {}
        if self.options.token:
            fields["Authorization"] = f"Bearer {self.options.token}"
        body = None
        if document is not None:
            body = json.dumps(document)
            fields["Content-Type"] = "application/json"
        # A connection that has been idle may have been closed meanwhile.
        for attempt in (1, 2):
            try:
                self._connection.request(method, path, body, fields)
                answer = self._connection.getresponse()
                return answer.status, answer.read()
            except ssl.SSLCertVerificationError as error:
                raise LoadTestError(
                    f"{self.options.url}: {error.verify_message}. Its certificate is accepted "
                    "with --insecure"
                ) from None
            except (OSError, http.client.HTTPException) as error:
                self._connection.close()
                if attempt == 2 or isinstance(error, ConnectionRefusedError):
                    raise LoadTestError(
                        f"nothing answers at {self.options.url} "
                        f"({str(error) or type(error).__name__}). "
                        "Start a store with `make run` or `make cluster`, or name one with --url"
                    ) from None


def _refusal(what, status, answer):
    """What a refusal means here."""
    said = f"{what} was answered {status}"
    if detail := answer.get("detail") or answer.get("title"):
        said += f" ({detail})"
    advice = {
        401: "This store wants a token, and not this one: --token-file, or KV_TOKEN",
        403: "The token needs the scopes read and write, and a key prefix that --prefix starts with",
        413: "The store takes smaller values only: --value-size",
        429: "A rate limit, probably Nginx's, turns requests away: ask for less, or lift it",
    }
    return f"{said}. {advice[status]}" if status in advice else said
