"""How fast the bot is, each time beside a peer that does the least possible."""
