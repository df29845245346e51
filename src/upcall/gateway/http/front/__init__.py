"""The side that faces clients: the listener, its guards, the ASGI app."""
