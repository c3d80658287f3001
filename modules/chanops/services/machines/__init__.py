"""Machines: what there is, what is remembered of them, and what is done with them."""
