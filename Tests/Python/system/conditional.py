"""Writers with conditions. Every answer is checked against what the store promises.

Each writer has its own key and replaces its value on the condition that it has not changed. So each
write succeeds, at once or from the queue, or its outcome is unknown. The writer then finds the
outcome by a read or, if the writes have an Idempotency-Key, by sending the same request again.
"""

import collections
import contextlib
import json
import threading
import time
import uuid

from support.client import Client, Unreachable
from system.load import Violation

# The longest time that an outcome may stay unknown.
PATIENCE_SECONDS = 120


class Conditional:
    """`writers` threads that write until `stop`."""

    def __init__(self, ports, prefix, writers=2, pause=0.01, is_idempotent=False, timeout=60):
        self.ports = ports
        self.prefix = prefix
        self.pause = pause
        self.is_idempotent = is_idempotent
        self.timeout = timeout
        self.statuses = collections.Counter()
        self.violations = []
        self.keys = [_Key(f"{prefix}-{number}") for number in range(writers)]
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._run, args=(key,), daemon=True) for key in self.keys
        ]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    @property
    def committed(self):
        """How many writes were answered 200 or 201."""
        return sum(key.committed for key in self.keys)

    def check_last(self, client):
        """Checks that each key has its last acknowledged write, or one of unknown outcome."""
        for key in self.keys:
            answer = client.get(key.name, Cache_Control="no-cache")
            if answer.status != 200 or int(answer.body) not in key.possible:
                raise Violation(f"{key.name} is {answer}, and should be one of {key.possible}")

    def _run(self, key):
        client = Client(self.ports, self.timeout)
        write = self._write_until_known if self.is_idempotent else self._write
        try:
            while not self._stopping.wait(self.pause):
                write(client, key)
        except Exception as error:
            self.violations.append(error)
        finally:
            client.close()

    def _send(self, client, key, number, **headers):
        """Sends a write. Returns None if the connection broke."""
        condition = {"If_Match": key.tag} if key.tag else {"If_None_Match": "*"}
        try:
            answer = client.put(key.name, str(number), **condition, **headers)
        except Unreachable:
            self._count("unreachable")
            return None
        is_unknown = answer.status == 503 and b"outcome-unknown" in answer.body
        self._count("unknown" if is_unknown else answer.status)
        return answer

    def _count(self, status):
        with self._lock:
            self.statuses[status] += 1

    def _write(self, client, key):
        key.attempts += 1
        number = key.attempts
        answer = self._send(client, key, number)
        if answer is None or (answer.status == 503 and b"outcome-unknown" in answer.body):
            key.possible.add(number)
            self._find_out(client, key)
        elif answer.status in (200, 201):
            key.commit(number, answer)
        elif answer.status == 202:
            key.possible.add(number)
            state = self._wait_for(client, answer.operation)
            if state == "applied":
                key.committed += 1
                key.possible = {number}
            elif key.is_certain(number):
                raise Violation(f"PUT {key.name}, {number} was queued, and is {state}")
            self._find_out(client, key)
        elif answer.status == 412 and not key.is_certain(number):
            # A write of unknown outcome has taken effect after the read.
            self._find_out(client, key)
        elif answer.status != 503:
            raise Violation(f"PUT {key.name}, {number}: {answer}")

    def _wait_for(self, client, operation):
        """The result of a queued write."""
        answer = self._until_answered(
            lambda: client.request("GET", f"/operations/{operation}"),
            lambda answer: answer.status == 200 and b'"queued"' not in answer.body,
        )
        return json.loads(answer.body)["status"]

    def _find_out(self, client, key):
        """Reads the key; the next condition uses the result."""
        answer = self._until_answered(
            lambda: client.get(key.name, Cache_Control="no-cache"),
            lambda answer: answer.status in (200, 404),
        )
        number = int(answer.body) if answer.status == 200 else 0
        if number not in key.possible:
            raise Violation(f"{key.name} is {number}, not one of {key.possible}")
        key.tag = answer.headers["ETag"] if number else None

    @staticmethod
    def _until_answered(request, is_answer):
        """Repeats a request until its answer is conclusive."""
        answer, end = None, time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            with contextlib.suppress(Unreachable):
                answer = request()
                if is_answer(answer):
                    return answer
            time.sleep(0.1)
        raise Violation(f"no conclusive answer, the last one was {answer}")

    def _write_until_known(self, client, key):
        """Repeats a request until its outcome is known. It must count as one write."""
        name = f'"{uuid.uuid4()}"'
        number, answer = key.attempts + 1, None
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            if time.monotonic() > end:
                raise Violation(f"PUT {key.name}, {number}: no outcome yet, but {answer}")
            answer = self._send(client, key, number, Idempotency_Key=name)
            if answer and answer.status in (200, 201):
                break
            # 409: the first request is still running.
            if answer and answer.status not in (409, 503):
                raise Violation(f"PUT {key.name}, {number}: {answer}")
            time.sleep(0.1)
        key.attempts = number
        key.commit(number, answer)
        version = json.loads(answer.body)["version"]
        if version != number:
            raise Violation(f"{key.name} was written {number} times, and has version {version}")


class _Key:
    """What is known about one key."""

    def __init__(self, name):
        self.name = name
        self.attempts = 0
        self.committed = 0
        self.tag = None
        # The numbers of the writes that the key may have: the last acknowledged one, and later ones
        # of unknown outcome.
        self.possible = {0}

    def is_certain(self, number):
        """Whether the outcome of all earlier writes is known."""
        return len(self.possible - {number}) == 1

    def commit(self, number, answer):
        self.committed += 1
        self.tag = answer.headers["ETag"]
        self.possible = {number}
