"""Pure functions on arrays (numpy, scipy, numba): no AnnData, no pandas."""
