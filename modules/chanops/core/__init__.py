"""The pure part: no I/O, no threads, no clock of its own."""
