"""Modules written for the phenny bot, loaded as they are: their functions' attributes, `phenny`, `input`."""
