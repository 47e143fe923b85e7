"""The outbox: what is still to be sent by slow ways, kept in a file."""
