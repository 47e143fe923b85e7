"""Webhooks: the event, its signature, the request."""
