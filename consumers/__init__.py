"""Where alerts go: sinks, each stating its delivery guarantee first."""
