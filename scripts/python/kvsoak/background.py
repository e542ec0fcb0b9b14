"""What goes on beside the rest of a soak."""

import threading


class Background:
    """A block during which functions run, each in a thread of its own. At its end `_is_stopping` is
    set, and it waits for them."""

    def __init__(self, *functions):
        self._is_stopping = threading.Event()
        self._threads = [
            threading.Thread(target=function, daemon=True) for function in functions
        ]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._is_stopping.set()
        for thread in self._threads:
            thread.join()
