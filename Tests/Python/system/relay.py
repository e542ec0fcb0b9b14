"""A proxy in front of the database that can lose answers to requests that were executed."""

import contextlib
import selectors
import socket
import threading


class Relay:
    """A proxy for a server, within a `with` block."""

    def __init__(self, server):
        self.server = server
        self.is_losing = threading.Event()
        self._is_over = threading.Event()
        self._selector = selectors.DefaultSelector()

    def __enter__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._selector.register(self._listener, selectors.EVENT_READ, None)
        self._thread = threading.Thread(target=self._work)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._is_over.set()
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()
        self._selector.close()

    @contextlib.contextmanager
    def losing(self):
        """Within the block, a connection is closed as soon as the server answers on it."""
        self.is_losing.set()
        try:
            yield
        finally:
            self.is_losing.clear()

    def _work(self):
        while not self._is_over.is_set():
            for key, _ in self._selector.select(0.02):
                if key.fileobj is self._listener:
                    self._accept()
                elif key.fileobj.fileno() >= 0:
                    self._pass(key.fileobj, *key.data)

    def _accept(self):
        client, _ = self._listener.accept()
        try:
            upstream = socket.create_connection(("127.0.0.1", self.server), 1)
        except OSError:
            return client.close()
        self._selector.register(client, selectors.EVENT_READ, (upstream, False))
        self._selector.register(upstream, selectors.EVENT_READ, (client, True))

    def _pass(self, source, target, is_answer):
        try:
            data = source.recv(65_536)
            if data and not (is_answer and self.is_losing.is_set()):
                return target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            self._selector.unregister(end)
            end.close()
