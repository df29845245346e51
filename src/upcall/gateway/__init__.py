"""Between any client and any server: everything passes untouched, and sampling is answered here.

::

    client ── stdio/ or http/ ──▶ session (sans-IO) ──▶ stdio/ or http/ ──▶ server
                                     │    ▲
                              Sample │    │ answered
                                     ▼    │
                                  answering ──▶ Host (policy, budgets, people, record) ──▶ Model

`session` decides what happens to each frame, `stdio` and `http` carry frames, `answering` has them answered, `clients`
rewrites the config files of clients so that their servers run behind a gateway.
"""

__all__: list[str] = []
