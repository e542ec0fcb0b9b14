"""The store under load: a check before, and the keys of the test."""

import concurrent.futures
import http.client
import json
import ssl
import threading
import time
from urllib.parse import urlencode, urlsplit

from .errors import LoadTestError

# POST /batch accepts 1,000 operations and 8 MiB, but a batch also has to finish within two seconds,
# even on a busy machine. So several small batches are sent at the same time.
BATCH_OPERATIONS_MAX = 100
BATCH_BYTES_MAX = 2 << 20
BATCHES_AT_A_TIME = 8
# Keys in one page of a list.
PAGE_MAX = 1000
# How long a store may answer that it is busy.
PATIENCE_SECONDS = 30
TIMEOUT_SECONDS = 60


class Store:
    """A client of the API with a few connections, one for each of its threads. Ended by `close`."""

    def __init__(self, options):
        self.options = options
        self._threads = concurrent.futures.ThreadPoolExecutor(BATCHES_AT_A_TIME)
        self._own = threading.local()

    def close(self):
        """Ends the threads and their connections."""
        self._threads.shutdown(cancel_futures=True)

    @property
    def _connection(self):
        """The connection of this thread."""
        if not hasattr(self._own, "connection"):
            self._own.connection = self._connect()
        return self._own.connection

    def _connect(self):
        address = urlsplit(self.options.url)
        host, port = address.hostname, address.port
        if address.scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
        context = ssl.create_default_context()
        if self.options.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return http.client.HTTPSConnection(host, port, timeout=TIMEOUT_SECONDS, context=context)

    def check(self):
        """Fails if the store can't be measured, and says why."""
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
        # Needs a valid token, but no scope: a wrong token fails here, before the preparation.
        self._ask("POST", "/batch", {"operations": []}, allowing=[400])

    def prepare(self, first, last, progress):
        """Stores the keys with these numbers."""
        size = self.options.value_size
        step = max(1, min(BATCH_OPERATIONS_MAX, BATCH_BYTES_MAX // (size + 1200)))
        value = self.options.value.decode()
        put = {"op": "put", "value": value, "content_type": "text/plain"}

        def store(start):
            numbers = range(start, min(start + step, last + 1))
            self._batch([put | {"key": f"{self.options.prefix}{number}"} for number in numbers])
            return len(numbers)

        ready = 0
        for count in self._all(store, range(first, last + 1, step)):
            progress(ready, last - first + 1)
            ready += count

    def remove(self):
        """Deletes every key of this run. Returns their number."""
        removed = 0
        while True:
            query = urlencode({"prefix": self.options.prefix, "limit": PAGE_MAX})
            # Lists come from the database: keys that were just deleted are not listed again.
            keys = [item["key"] for item in self._ask("GET", f"/kv?{query}")["items"]]
            if not keys:
                return removed
            parts = [keys[start : start + BATCH_OPERATIONS_MAX]
                     for start in range(0, len(keys), BATCH_OPERATIONS_MAX)]
            list(self._all(
                lambda part: self._batch([{"op": "delete", "key": key} for key in part]), parts))
            removed += len(keys)

    def _all(self, action, things):
        """Runs the action for all of them, a few at a time; stops at the first failure."""
        tasks = [self._threads.submit(action, thing) for thing in things]
        try:
            for task in concurrent.futures.as_completed(tasks):
                yield task.result()
        finally:
            for task in tasks:
                task.cancel()

    def _batch(self, operations):
        """Sends the operations, and again those for which the store was too busy."""
        end = time.monotonic() + PATIENCE_SECONDS
        while operations:
            results = self._ask("POST", "/batch", {"operations": operations})["results"]
            failed = [
                (operation, result)
                for operation, result in zip(operations, results)
                # 404: the key is already deleted.
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
        """Returns the JSON document of the answer. Repeats the request while the store is busy."""
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
        # An idle connection may have been closed meanwhile.
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
    """The message for a refusal, with advice."""
    said = f"{what} was answered {status}"
    if detail := answer.get("detail") or answer.get("title"):
        said += f" ({detail})"
    advice = {
        401: "This store wants a token, and not this one: --token-file, or KV_TOKEN",
        403: "The token needs the scopes read and write, and a key prefix that --prefix starts "
             "with",
        413: "The store takes smaller values only: --value-size",
        429: "A rate limit, probably Nginx's, turns requests away: ask for less, or lift it",
    }
    return f"{said}. {advice[status]}" if status in advice else said
