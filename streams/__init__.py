"""The Faust app: its two agents, what they keep, and where their alerts go out."""
