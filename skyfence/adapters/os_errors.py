"""Says in a few words why the system refused something: a file, a socket, a certificate."""

import os
import ssl


def describe_os_error(error: Exception) -> str:
    """Return the reason of an OS or TLS error in lower case, without path, address or URL.

    What aiohttp wrapped is described rather than its wrapper, whose words may repeat a URL. Of an
    error without a number or words of the system's only its type is named.
    """
    inner = getattr(error, "os_error", None) or error
    if isinstance(inner, ssl.SSLCertVerificationError):
        return f"certificate verify failed: {inner.verify_message}"
    if isinstance(inner, ssl.SSLError):  # its words name OpenSSL's source line
        return (getattr(inner, "reason", None) or "tls failed").replace("_", " ").lower()
    if isinstance(inner, UnicodeDecodeError):
        return "not UTF-8 text"
    number = getattr(inner, "errno", None)
    if isinstance(number, int) and number > 0:
        return os.strerror(number).lower()
    words: str | None = getattr(inner, "strerror", None)  # a resolver's errors have numbers below 0
    return words.lower() if words else type(inner).__name__
