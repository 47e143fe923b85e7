"""Webhooks and Apprise: a sink with an outbox, and a courier with a task for each receiver.

alerts ──▶ sink ──▶ outbox ──▶ courier ──▶ webhook, apprise
"""
