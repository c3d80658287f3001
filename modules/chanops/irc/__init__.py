"""The connection to IRC networks, on top of the irc package."""
