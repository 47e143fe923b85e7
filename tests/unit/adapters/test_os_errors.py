"""OS errors in words: the system's reason, and nothing of a path, an address or a URL."""

import socket
import ssl

import pytest

from skyfence.adapters.os_errors import describe_os_error


class WrappedError(Exception):
    """An error as aiohttp wraps one."""

    def __init__(self, inner: OSError) -> None:
        super().__init__(f"Cannot connect to host example.org: {inner}")
        self.os_error = inner


def _certificate_error() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] (_ssl.c:1)")
    error.verify_message = "self-signed certificate"
    return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (FileNotFoundError(2, "No such file or directory", "/x"), "no such file or directory"),
        (OSError(111, "Connect call failed ('127.0.0.1', 9)"), "connection refused"),
        (WrappedError(ConnectionRefusedError(111, "at 127.0.0.1")), "connection refused"),
        (socket.gaierror(-2, "Name or service not known"), "name or service not known"),
        (OSError("something with a URL"), "OSError"),
        (ssl.SSLError(1, "[SSL] wrong version (_ssl.c:1)"), "tls failed"),
        (_certificate_error(), "certificate verify failed: self-signed certificate"),
        (UnicodeDecodeError("utf-8", b"x", 0, 1, "invalid"), "not UTF-8 text"),
    ],
)
def test_an_error_is_described_by_its_reason_alone(error: Exception, words: str) -> None:
    """In lower case, whatever the library put around it."""
    assert describe_os_error(error) == words
