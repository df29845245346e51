"""The machinery of the benchmarks: what it compares, what it shows, and that every way it measures answers."""
