"""Logs that other programs wrote: each format is one file, and reads lines into what was said."""
