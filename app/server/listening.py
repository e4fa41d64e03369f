"""The address that a server listens at."""

import resource
import socket
from typing import NamedTuple

from spotimes.errors import InputError

BACKLOG = 128  # connections that the system keeps until they are accepted
OTHER_FILES = 64


class Listening(NamedTuple):
    """A socket, and the URL that reaches it."""

    socket: socket.socket
    url: str


def listen(host: str, port: int, connections: int) -> Listening:
    """Begins to listen.

    Args:
        host: the address; `::` stands for all of this machine's, of IPv4, too.
        port: 0 for a free one.
        connections: how many a process is to have open.

    Raises:
        InputError: the address is not available, or the system allows fewer connections.
    """
    _allow_files(2 * connections + BACKLOG + OTHER_FILES)
    host = host.strip("[]")  # as in a URL
    shown = f"[{host}]" if ":" in host else host
    try:
        listening = _listening(host, port)
    except (OSError, UnicodeError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "no such address"
        raise InputError(f"{shown}, port {port}: {reason}; give another") from error
    listening.setblocking(False)
    # What is accepted has it, too; a response of several packets else waits 40 ms for the client's
    # delayed acknowledgement.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return Listening(listening, f"http://{shown}:{listening.getsockname()[1]}/")


def _listening(host: str, port: int) -> socket.socket:
    family, *_, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    both = family == socket.AF_INET6 and address[0] == "::" and socket.has_dualstack_ipv6()
    return socket.create_server(address, family=family, backlog=BACKLOG, dualstack_ipv6=both)


def _allow_files(count: int) -> None:
    """Raises the process' limit of open files; beyond it, asyncio retries to accept in a loop."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= count or soft == resource.RLIM_INFINITY:
        return
    if hard != resource.RLIM_INFINITY and hard < count:
        raise InputError(
            f"so many connections need {count:,} open files, but the system allows {hard:,}; "
            "give a smaller --max-connections or raise the limit (ulimit -n)"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
