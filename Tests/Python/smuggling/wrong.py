"""Servers that are wrong on purpose, each in one rule: the check has to find every one."""

import re
import socket
import threading
from urllib.parse import unquote_to_bytes

from smuggling.reading import MARK, Reader, Refused

# The client sends all it has at once.
QUIET = 0.05


class LastLength(Reader):
    """Of two lengths, the last one counts."""

    def length(self, texts):
        return self.number(texts[-1])


class FirstLength(Reader):
    """Of two lengths, the first one counts."""

    def length(self, texts):
        return self.number(texts[0])


class LengthBeforeCoding(Reader):
    """A length counts, whatever coding stands beside it."""

    def is_chunked(self, lengths, codings, version):
        return False if lengths else super().is_chunked(lengths, codings, version)


class CodingBeforeLength(Reader):
    """A coding counts, and the length beside it does not."""

    def is_chunked(self, lengths, codings, version):
        return super().is_chunked([], codings, version)


class UnknownCodings(Reader):
    """A coding that is not known counts for nothing."""

    def is_chunked(self, lengths, codings, version):
        return codings == [b"chunked"] and super().is_chunked(lengths, codings, version)


class LooseNumbers(Reader):
    """A length is what Python takes for a number: with signs and underscores."""

    def number(self, text):
        try:
            return max(0, int(text))
        except ValueError:
            raise Refused from None


class LooseSizes(Reader):
    """The same, for the sizes of chunks: also with 0x."""

    def size(self, line):
        try:
            return max(0, int(line.partition(b";")[0], 16))
        except ValueError:
            return None


class SpacedNames(Reader):
    """A field with a space before its colon counts for nothing."""

    def field(self, line):
        try:
            return super().field(line)
        except Refused:
            return b"", b""


class FoldedFields(Reader):
    """A line that begins with a space belongs to the line before it."""

    def unfolded(self, lines):
        return re.sub(rb"\n[ \t]+", b" ", b"\n".join(lines)).split(b"\n")


class OldChunks(Reader):
    """HTTP/1.0 has chunks, too."""

    def is_chunked(self, lengths, codings, version):
        return super().is_chunked(lengths, codings, 1)


READERS = [
    LastLength, FirstLength, LengthBeforeCoding, CodingBeforeLength, UnknownCodings, LooseNumbers,
    LooseSizes, SpacedNames, FoldedFields, OldChunks,
]


class WrongServer:
    """Stores the values of all requests that a reader finds, in memory."""

    def __init__(self, reader, merges_slashes=False):
        self._reader = reader
        self._merges_slashes = merges_slashes
        self._lock = threading.Lock()
        # Key, value and version, as `support` lists them.
        self._entries = {}
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def entries(self):
        return [(key, value, version) for key, (value, version) in self._entries.items()]

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection):
        with connection:
            data = self._received(connection)
            for request in self._reader.requests(data):
                self._store(request)
                try:
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                except OSError:
                    return

    @staticmethod
    def _received(connection):
        connection.settimeout(QUIET)
        data = b""
        try:
            while chunk := connection.recv(65536):
                data += chunk
        except OSError:
            pass
        return data

    def _store(self, request):
        if request.method != b"PUT" or not request.key or not MARK.search(request.key):
            return
        key = request.key
        if self._merges_slashes:
            key = re.sub(rb"/+", b"/", unquote_to_bytes(request.target[4:]))
        with self._lock:
            _, version = self._entries.get(key, (b"", 0))
            self._entries[key] = (request.body, version + 1)

    def close(self):
        # Wakes the thread that waits in accept().
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
