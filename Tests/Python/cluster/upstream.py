"""A small server in place of a kv-api, for tests that need a failure at a given point: after it has
read a request and before it has answered."""

import socket
import threading

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX-Upstream: %s\r\n\r\nyes"


class Upstream:
    """Reads requests on a loopback port, and answers them or closes the connection."""

    def __init__(self, port, name, is_answering=True, answer=None):
        """`answer` is called with the connection instead of sending the usual answer."""
        self.requests = []
        self._answer = answer
        self._name = name.encode()
        self._is_answering = is_answering
        self._listener = socket.create_server(("127.0.0.1", port))
        self._connections = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connections.append(connection)
            threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection):
        with connection, connection.makefile("rb") as file:
            while head := self._head(file):
                self.requests.append(head)
                if not self._is_answering:
                    return
                if self._answer:
                    return self._answer(connection)
                connection.sendall(ANSWER % self._name)

    @property
    def connections(self):
        """The number of connections so far."""
        return len(self._connections)

    @staticmethod
    def _head(file):
        """The head of a request, after its body has been read. Nginx sends no chunks here."""
        lines = []
        try:
            while (line := file.readline()) not in (b"\r\n", b""):
                lines.append(line.decode("latin-1").strip())
            for line in lines:
                name, _, value = line.partition(":")
                if name.lower() == "content-length":
                    file.read(int(value))
        except OSError:
            return None
        return lines

    def close(self):
        """Closes the listener and all connections, like a process that dies."""
        # Wakes the thread that waits in accept().
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self._thread.join()
