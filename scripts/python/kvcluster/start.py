"""Starting many services at once, each as soon as those that it needs are ready."""

import time

from .errors import ClusterError


class Start:
    """One start of some services. Those that need each other wait; all others go in parallel."""

    def __init__(self, services, progress):
        # What was started earlier may not be ready yet.
        self._launched = {service: time.monotonic() for service in services if service.is_alive}
        self._waiting = [service for service in services if service not in self._launched]
        self._relaunches = dict.fromkeys(services, 0)
        self._progress = progress

    def run(self):
        """Returns once all are ready; what has been started keeps running if one fails."""
        while self._waiting or self._launched:
            self._launch()
            for service in list(self._launched):
                self._look_at(service)
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

    def _look_at(self, service):
        if service.settle():
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
