"""The local stack: embedded servers, child processes, and the file that says how to reach them."""
