"""What a query may do: the statements, names and settings that `query_child.py` keeps to.

DuckDB's settings shut out files, the network, extensions and changes. The words below are
what 2.0.0 lets through them all the same, each one tried: see `fixtures/statements.txt`.
"""

from __future__ import annotations

import os

KINDS = ["SELECT", "EXPLAIN", "MULTI"]  # MULTI is what a PIVOT comes apart into
READING = ["describe", "from", "pivot", "pivot_wider", "select", "show", "summarize", "table"]
READING += ["unpivot", "values", "with"]
#: Words that can stand before the one that says what a statement does.
BEFORE = ["", "(", ")", ",", "explain", "analyze", "format"]
BEFORE += ["default", "graphviz", "html", "json", "mermaid", "text", "yaml"]
PRAGMAS = ["show", "show_tables", "show_tables_expanded", "table_info", "version"]

#: Refused as a call: other statements in a string, waiting, files (the database's own can be
#: read by its path), logs, checkpoints, options, raw memory.
CALL = (
    r"query|query_table|json_execute_serialized_sql|pg_sleep|sleep_ms|write_log|\w*checkpoint\w*"
    r"|read_\w+|sniff_\w+|parquet_\w+|\w+_scan|\w+_scan_dumb|python_map_function|copy_database"
    r"|import_database|add_parquet_key|(en|dis)able_\w+|(de)?register_\w+|\w+_external_resource"
    r"|truncate_duckdb_logs|which_secret|current_setting"
)
#: Refused wherever they stand: settings, secrets, logs, and the paths of this machine.
NAME = (
    r"duckdb_(settings|databases|secrets|logs\w*|log_contexts|extension\w*|external_\w+)"
    r"|pg_settings|(pragma_)?database_list"
)

MAX_THREADS = 4


def rules() -> dict[str, object]:
    """Return which statements are run, for the order to the child."""
    return {
        "kinds": KINDS,
        "reading": READING,
        "before": BEFORE,
        "pragmas": PRAGMAS,
        "call": CALL,
        "name": NAME,
    }


def config(memory_mb: int) -> dict[str, object]:
    """Return the settings that the database is opened with.

    Half of the process's memory goes to DuckDB, which then says itself what did not fit;
    the limit of the process stops what does not ask DuckDB for its memory.
    """
    return {
        "enable_external_access": False,
        "autoload_known_extensions": False,
        "autoinstall_known_extensions": False,
        "allow_community_extensions": False,
        "allow_persistent_secrets": False,
        "python_enable_replacements": False,
        # Both: with the size alone, 2.0.0 still makes a folder beside the database and fails
        # there as if the disk were broken.
        "temp_directory": "",
        "max_temp_directory_size": "0KB",
        "memory_limit": f"{memory_mb // 2}MB",
        "threads": min(os.cpu_count() or 1, MAX_THREADS),
    }
