"""The HTTP/1.1 client's end of the gateway."""
