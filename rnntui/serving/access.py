"""Who may use the server: programs on this machine, pages of the server itself, and those who have the key."""

from __future__ import annotations

import contextlib
import hmac
import re
from ipaddress import ip_address
from urllib.parse import urlsplit

# Digits alone: anybody may have a name such as 127.example.com.
_LOOPBACK = re.compile(r"localhost|::1|127(\.[0-9]{1,10}){1,3}")


def is_loopback(host: str) -> bool:
    """Return True if only programs on this machine can reach an address."""
    return _LOOPBACK.fullmatch(host.lower()) is not None


def is_right_key(key: str, expected: str) -> bool:
    """Return True if a key is the expected one; the time that it takes says nothing about the key."""
    return hmac.compare_digest(key.encode("utf-8", "replace"), expected.encode("utf-8", "replace"))


def foreign_request_problem(address: str, host: str, origin: str, *, needs_key: bool) -> str:
    """Return the reason to refuse a request of a web page that is not the server's own; empty if there is none.

    A web page can send requests to programs on its reader's machine and network, and by a name of its own that resolves
    to their address even read the answers (DNS rebinding). So a request must not come from a page of another origin,
    and on loopback it must be addressed to one of its names. On other addresses the names of the server are not known:
    there, a page needs the key, which one that came by a name of its own does not have, or no name but the address.

    Args:
        address: the address that the server listens on.
        host: the header `Host`.
        origin: the header `Origin`, which browsers send; empty if there is none.
        needs_key: True if the server answers only those who have its key.
    """
    name = _host_name(host)
    if is_loopback(address) and not is_loopback(name):
        return "This server answers to requests for localhost alone."
    if origin and origin.partition("://")[2] != host:
        return "This server does not answer to other web pages."
    if origin and not (needs_key or is_loopback(name) or _is_address(name) or name == address.lower()):
        return "Without a key, this server answers to web pages by its IP address alone."
    return ""


def _is_address(name: str) -> bool:
    """Return True for an IP address."""
    with contextlib.suppress(ValueError):
        return bool(ip_address(name))
    return False


def _host_name(host: str) -> str:
    """Return the name in a `Host` header, without the port."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
