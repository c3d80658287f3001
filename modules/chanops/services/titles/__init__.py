"""The titles of the pages that links lead to, asked for in a way that nobody's page can do harm with."""
