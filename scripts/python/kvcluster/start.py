"""Starts many services at once, each as soon as its dependencies are ready."""

import time

from .errors import ClusterError


class Start:
    """Starts services in parallel, as far as their dependencies allow."""

    def __init__(self, services, progress):
        # Services that were started before may not be ready yet.
        self._launched = {service: time.monotonic() for service in services if service.is_alive}
        self._waiting = [service for service in services if service not in self._launched]
        self._relaunches = dict.fromkeys(services, 0)
        self._progress = progress

    def run(self):
        """Returns once all are ready. If one fails, the others keep running."""
        while self._waiting or self._launched:
            self._launch()
            for service in list(self._launched):
                self._check(service)
            names = [service.name for service in [*self._launched, *self._waiting]]
            if names:
                self._progress.waiting(names)
                time.sleep(0.05)

    def _launch(self):
        unready = {*self._waiting, *self._launched}
        for service in list(self._waiting):
            if not any(other.is_called(name) for name in service.after for other in unready):
                self._waiting.remove(service)
                service.launch()
                self._launched[service] = time.monotonic()

    def _check(self, service):
        if service.finish_start():
            del self._launched[service]
            self._progress.ready(service.name)
            return
        if not service.is_alive and self._relaunches[service] < service.relaunches:
            self._relaunches[service] += 1
            self._progress.say(f"  {service.name} has ended and is started again")
            service.launch()
            return
        service.check_alive()
        seconds = time.monotonic() - self._launched[service]
        if seconds > service.start_seconds:
            raise ClusterError(
                f"{service.name} is not ready after {seconds:.0f} s; the end of its log:\n"
                f"{service.log_tail()}"
            )
