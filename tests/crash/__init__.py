"""The proof that jobs survive: the real bot is killed at random instants, and a simulated cloud judges what it did."""
