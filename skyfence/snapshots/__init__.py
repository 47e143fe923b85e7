"""The form in which agents' states stand in checkpoints, and how older forms are read."""
