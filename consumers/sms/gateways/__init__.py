"""SMS gateways: one module each, over HTTP or SMPP."""
