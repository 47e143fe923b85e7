"""The command line: wires producers, streams and consumers together."""
