"""Jobs: what acts on machines, step by step, and survives a crash at any of them."""
