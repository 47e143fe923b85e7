"""Redis channels: one atomic step a message."""
