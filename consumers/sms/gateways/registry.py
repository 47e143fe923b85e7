"""The SMS gateways there are, by the name that a gateway's file calls them.

An adapter is a module with ``from_options(options, on_receipt)``; it is loaded when it is named,
because its library comes with an extra.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

from consumers.sms.gateways.protocol import Gateway, OnReceipt
from consumers.sms.rules.gateway_file import Adapter
from skyfence.errors import UsageError

_MODULES: Final[Mapping[Adapter, str]] = {
    "kannel": "consumers.sms.gateways.kannel",
    "smpp": "consumers.sms.gateways.smpp",
    "http": "consumers.sms.gateways.http",
}


def gateway(adapter: Adapter, options: Mapping[str, Any], on_receipt: OnReceipt) -> Gateway:
    """Make the gateway of an adapter, not yet connected.

    Raises ``UsageError`` naming the option that is wrong, or the library that is missing.
    """
    try:
        module = import_module(_MODULES[adapter])
    except ModuleNotFoundError as error:
        raise UsageError(
            f"adapter {adapter}: {error.name} is missing: pip install '.[sms]' in a checkout"
        ) from None
    made: Gateway = module.from_options(options, on_receipt)
    return made
