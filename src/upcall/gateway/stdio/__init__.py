"""Frames over pipes: one JSON-RPC message a line (basic/transports, "stdio").

`child` starts a server, `channel` carries frames over a pair of pipes (`lines` splits, `sources` read, `sinks` write),
`driver` stands between a client's pipes and a child. `child` imports nothing but what starting a process takes, so that
the server is on its way before anything else here is loaded.
"""

__all__: list[str] = []
