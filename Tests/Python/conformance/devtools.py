"""Headless Chromium, controlled with the DevTools protocol over a pair of pipes."""

import fcntl
import json
import os
import shutil
import subprocess
import tempfile
import threading


class Chromium:
    def __init__(self, *options):
        """`options` are more options of its command line."""
        program = shutil.which("chromium") or shutil.which("chromium-browser")
        if not program:
            raise RuntimeError("there is no chromium: `make packages` installs it")
        self.profile = tempfile.TemporaryDirectory(
            prefix="kv-chromium-", ignore_cleanup_errors=True
        )
        command_read, self._write = os.pipe()
        self._read, event_write = os.pipe()
        # Chromium expects the pipes as descriptors 3 and 4, so both are moved out of the way first.
        inherited = [fcntl.fcntl(end, fcntl.F_DUPFD, 16) for end in (command_read, event_write)]
        self.process = subprocess.Popen(
            [
                program,
                "--headless",
                # Its sandbox does not work for root; it opens only pages of our own server.
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--no-first-run",
                f"--user-data-dir={self.profile.name}",
                "--remote-debugging-pipe",
                *options,
                "about:blank",
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            close_fds=False,
            preexec_fn=lambda: (os.dup2(inherited[0], 3), os.dup2(inherited[1], 4)),
        )
        for end in (command_read, event_write, *inherited):
            os.close(end)
        self._stream = os.fdopen(self._read, "rb")
        self._watchdog = threading.Timer(120, self.process.kill)
        self._watchdog.start()
        self._number = 0
        self.events = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        self.call("Page.enable")
        self.call("Network.enable")

    _session = None

    def call(self, method, **parameters):
        """Sends a command and waits for its result; events on the way are kept."""
        self._number += 1
        number = self._number
        message = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def _next(self):
        message = bytearray()
        while (byte := self._stream.read(1)) != b"\0":
            if not byte:
                raise RuntimeError("chromium has ended")
            message += byte
        return json.loads(message)

    def open(self, url):
        """Opens a page and waits until it has loaded; returns the requests that it made."""
        self.events.clear()
        self.call("Page.navigate", url=url)
        self.loaded()
        return self.requests()

    def loaded(self):
        """Waits until a page has loaded since the events were cleared."""
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._next())

    def requests(self):
        return [
            event["params"]["request"]["url"]
            for event in self.events
            if event.get("method") == "Network.requestWillBeSent"
        ]

    def responses(self):
        return [
            event["params"]["response"]
            for event in self.events
            if event.get("method") == "Network.responseReceived"
        ]

    def run(self, script):
        """Runs the body of an async function in the page; returns what it returns."""
        result = self.call(
            "Runtime.evaluate",
            expression=f"(async () => {{ {script} }})()",
            awaitPromise=True,
            returnByValue=True,
        )
        if "exceptionDetails" in result:
            raise RuntimeError(result["exceptionDetails"])
        return result["result"].get("value")

    def close(self):
        self._watchdog.cancel()
        self._session = None
        try:
            self.call("Browser.close")
        except (RuntimeError, OSError):
            self.process.kill()
        self.process.wait()
        os.close(self._write)
        self._stream.close()
        self.profile.cleanup()
