"""Is it well: sources that fall silent, lag, status."""
