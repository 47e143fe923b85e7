"""One track: evidence, forecast, violation, timers, and the coarse filter before them."""
