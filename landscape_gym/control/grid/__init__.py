"""Dynamic programming on grids, for few dimensions and separable landscapes."""
