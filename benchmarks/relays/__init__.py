"""What stands between a client and a server, and what is needed to measure it: servers, a model, a light client.

The servers are a real one of the official SDK (`benchmarks.peers.mcp2`), and `echo`, which does next to nothing, so
that what is left is what stands between. `line_relay` is the least that one process in between can cost.
"""

__all__: list[str] = []
