"""What stands between a client and a server, and breaks connections when a test says so."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Lock, Thread


class Relay:
    """Passes connections on to a server.

    Attributes:
        target: where it listens.
        refused: how many connections it has still to close before a byte has passed.
        connections: how many it has been asked for.
        through: gives what is passed on in the place of what came; an OSError ends the connection.
    """

    def __init__(self, listener: socket.socket, target: str, refused: int) -> None:
        self.target = f"127.0.0.1:{listener.getsockname()[1]}"
        self.refused, self.connections = refused, 0
        self.through: Callable[[bytes], bytes] = unchanged
        self._listener, self._port = listener, int(target.rpartition(":")[2])
        self._ends: list[socket.socket] = []
        self._threads: list[Thread] = []
        self._lock = Lock()

    def run(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                self.connections += 1
                if self.refused:
                    self.refused -= 1
                    near.close()
                else:
                    self._threads.append(Thread(target=self._join, args=(near,)))
                    self._threads[-1].start()

    def cut(self) -> None:
        """Break all connections that there are."""
        with self._lock:
            for end in self._ends:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def end(self) -> None:
        """Break all connections, and wait until they are closed."""
        self.cut()
        for thread in self._threads:
            thread.join(10)

    def _join(self, near: socket.socket) -> None:
        here = "127.0.0.1", self._port
        with near, suppress(OSError), socket.create_connection(here) as far:
            with self._lock:
                self._ends += [near, far]
            back = Thread(target=self._pump, args=(far, near))
            back.start()
            self._pump(near, far)
            back.join()
            with self._lock:
                self._ends = [end for end in self._ends if end not in (near, far)]

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(2**16):
                sink.sendall(self.through(data))
        with suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)


def unchanged(data: bytes) -> bytes:
    """Pass all on as it came."""
    return data


@contextmanager
def relay_to(target: str, *, refused: int = 0) -> Iterator[Relay]:
    """Relay to a server while inside."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        relay = Relay(listener, target, refused)
        thread = Thread(target=relay.run)
        thread.start()
        try:
            yield relay
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(10)
            relay.end()
