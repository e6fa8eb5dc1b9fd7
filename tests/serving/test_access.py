"""Requests of web pages: those of the server's own pages are answered, all others are refused."""

from __future__ import annotations

import pytest

from rnntui.serving.access import foreign_request_problem, is_loopback


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.1", True),
        ("localhost", True),
        ("LocalHost", True),
        ("::1", True),
        ("127.attacker.example", False),
        ("127.0.0.1.attacker.example", False),
        ("localhost.attacker.example", False),
        ("0.0.0.0", False),
        ("", False),
    ],
)
def test_addresses_of_this_machine_alone(host: str, expected: bool) -> None:
    assert is_loopback(host) == expected


@pytest.mark.parametrize(
    ("host", "origin", "is_refused"),
    [
        ("localhost:8000", "", False),
        ("127.0.0.1:8000", "http://127.0.0.1:8000", False),
        ("[::1]:8000", "http://[::1]:8000", False),
        ("127.attacker.example:8000", "http://127.attacker.example:8000", True),
        ("127.attacker.example:8000", "", True),
        ("localhost:8000", "http://localhost:9000", True),
        ("localhost:8000", "null", True),
        ("localhost:8000", "http://[", True),
        ("[", "", True),
        ("", "", True),
    ],
)
def test_requests_of_other_pages_are_refused(host: str, origin: str, is_refused: bool) -> None:
    assert bool(foreign_request_problem("127.0.0.1", host, origin, needs_key=False)) == is_refused


@pytest.mark.parametrize(
    ("host", "origin", "is_refused"),
    [
        ("attacker.example:8000", "http://attacker.example:8000", True),
        ("10.0.0.9.attacker.example:8000", "http://10.0.0.9.attacker.example:8000", True),
        ("10.0.0.9:8000", "http://attacker.example", True),
        ("10.0.0.9:8000", "http://10.0.0.9:8000", False),
        ("[fe80::1]:8000", "http://[fe80::1]:8000", False),
        ("localhost:8000", "http://localhost:8000", False),
        ("printer.lan:8000", "", False),
    ],
)
def test_on_a_network_a_page_that_chose_the_name_of_the_server_needs_the_key(
    host: str, origin: str, is_refused: bool
) -> None:
    assert bool(foreign_request_problem("0.0.0.0", host, origin, needs_key=False)) == is_refused
    is_other_page = origin.partition("://")[2] != host
    assert bool(foreign_request_problem("0.0.0.0", host, origin, needs_key=True)) == bool(origin and is_other_page)


def test_a_page_may_have_the_name_that_the_server_listens_on() -> None:
    assert not foreign_request_problem("Box.lan", "box.lan:80", "http://box.lan:80", needs_key=False)
