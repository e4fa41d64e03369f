"""Listens at an address until the process gets a signal to stop."""

import asyncio
import resource
import signal
import socket

from app.server.application import Application
from app.server.connection import Connection, Connections
from app.server.limits import Limits
from spotimes.errors import InputError

BACKLOG = 128  # connections that the system keeps until they are accepted
OTHER_FILES = 64


def serve(application: Application, host: str, port: int) -> None:
    """Serves until SIGTERM or SIGINT, and then answers the requests in progress.

    Args:
        application: answers them.
        host: the address; `::` stands for all of this machine's, of IPv4, too.
        port: 0 for a free one.

    Raises:
        InputError: the address is not available, or the system allows fewer connections.
    """
    _allow_files(application.gate.limits)
    host = host.strip("[]")  # as in a URL
    shown = f"[{host}]" if ":" in host else host
    try:
        listening = _listening(host, port)
    except (OSError, UnicodeError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "no such address"
        raise InputError(f"{shown}, port {port}: {reason}; give another") from error
    with listening:
        asyncio.run(_serve(application, listening, f"http://{shown}:{listening.getsockname()[1]}/"))


async def _serve(application: Application, listening: socket.socket, url: str) -> None:
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    connections = Connections(application.find_route, application.gate, application.metrics)
    connections.sweep()
    server = await loop.create_server(
        lambda: Connection(connections), sock=listening, backlog=BACKLOG
    )
    print(url, flush=True)
    await stopped.wait()
    server.close()
    await connections.stop()
    await loop.run_in_executor(None, application.close)


def _listening(host: str, port: int) -> socket.socket:
    family, *_, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    both = family == socket.AF_INET6 and address[0] == "::" and socket.has_dualstack_ipv6()
    return socket.create_server(address, family=family, backlog=BACKLOG, dualstack_ipv6=both)


def _allow_files(limits: Limits) -> None:
    """Raises the process' limit of open files; beyond it, asyncio retries to accept in a loop."""
    count = 2 * limits.connections + BACKLOG + OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= count or soft == resource.RLIM_INFINITY:
        return
    if hard != resource.RLIM_INFINITY and hard < count:
        raise InputError(
            f"so many connections need {count:,} open files, but the system allows {hard:,}; "
            "give a smaller --max-connections or raise the limit (ulimit -n)"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
