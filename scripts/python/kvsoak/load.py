"""Clients that ask for a mix of requests at the rate of the waves, through Nginx."""

import http.client
import random
import time
from functools import partial

from . import mix
from .background import Background
from .failures import Failure, answered, broken

CLIENTS = 16
# kv-api has 2 s for the database, and Nginx waits for 10 s.
ANSWER_SECONDS = 15
# A client whose connection broke comes back after a moment, as a correct one does.
PAUSE_SECONDS = 0.2


class Load(Background):
    """Runs until the end of the block. Each client has a connection, which it keeps."""

    def __init__(self, port, waves, tally, clock, seed):
        super().__init__(*(partial(self._run, f"{seed} {number}") for number in range(CLIENTS)))
        self._port, self._waves, self._tally, self._clock = port, waves, tally, clock

    def _run(self, seed):
        dice = random.Random(seed)
        connection = self._connect()
        due = self._clock() + dice.random()
        while not self._is_stopping.wait(max(0, due - self._clock())):
            try:
                is_well = self._ask(connection, mix.choose(dice))
            except Exception as error:
                now = self._clock()
                self._tally.fail(Failure(now, now, "load", "bug", repr(error)))
                is_well = False
            if not is_well:
                connection.close()
                self._is_stopping.wait(PAUSE_SECONDS)
            now = self._clock()
            # What could not be asked in time is not caught up with.
            due = max(now - 1, due + CLIENTS / self._waves.rate(now))
        connection.close()

    def _connect(self):
        return http.client.HTTPConnection("127.0.0.1", self._port, timeout=ANSWER_SECONDS)

    def _ask(self, connection, request):
        """Returns whether the connection can be used again."""
        begin, start = self._clock(), time.perf_counter()
        try:
            connection.request(request.method, request.path, request.body, request.fields)
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._fail(begin, request, *broken(error))
            return False
        self._tally.add(request, answer.status, time.perf_counter() - start)
        if answer.status not in request.good:
            self._fail(begin, request, *answered(answer.status, answer.headers, body))
        return True

    def _fail(self, begin, request, what, text):
        said = f"{request.method} {request.path}: {text}"
        self._tally.fail(Failure(begin, self._clock(), request.kind, what, said))
