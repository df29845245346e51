"""upcall beside its peers: ``python -m benchmarks``, or ``make bench``. See docs/performance.md."""
