"""Where a point or a path is among zones."""
