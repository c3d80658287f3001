"""The demo's stand-ins for the outside world, which import nothing of the bot they meet."""
