"""What every source and sink has in common: its description, its options, where it is found."""
