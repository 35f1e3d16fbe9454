"""The same recipe on many machines: workers of Dask make rows, and read and write the files themselves."""
