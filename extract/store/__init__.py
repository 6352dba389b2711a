"""The DuckDB file: the only package that imports duckdb."""
