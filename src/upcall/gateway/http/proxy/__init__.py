"""HTTP on both sides: requests go on as they came, their responses event by event."""
