"""HTTP in front of a server that speaks over its pipes."""
