"""Over HTTP: between HTTP on both sides, or with pipes on one of them."""
