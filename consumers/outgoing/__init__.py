"""Webhooks and Apprise: a sink with an outbox, and a dispatcher with a task for each receiver.

alerts ──▶ sink ──▶ outbox ──▶ dispatcher ──▶ webhook, apprise
"""
