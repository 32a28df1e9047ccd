"""Whom the server trusts with what: passwords, sessions, tokens, and the folders that may be indexed."""
