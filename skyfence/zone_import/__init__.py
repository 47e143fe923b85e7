"""Other forms of zone files into ours; only ``readers`` does I/O."""
