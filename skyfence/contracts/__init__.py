"""What travels between processes, as pydantic models."""
