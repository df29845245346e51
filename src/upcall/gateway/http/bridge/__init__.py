"""A client on pipes, a server behind HTTP."""
