"""What a host's name says of where it is. Resolves nothing."""

from ipaddress import ip_address


def is_loopback(host: str) -> bool:
    """Tell whether a host can only be this machine, whatever a resolver says."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:  # a name, which anybody may have given any address
        return False
