"""SMS: a sink with an outbox, a sender, and a gateway's adapter, one process for each gateway.

alerts ──▶ sink ──▶ outbox ──▶ sender ──▶ gateway (kannel, smpp, http) ──▶ phones
▲                      │
└───── receipts ◀──────┘
"""
