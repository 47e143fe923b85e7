"""Zone files: their form, their limits in height and time, their identifiers."""
