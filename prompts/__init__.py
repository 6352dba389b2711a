"""How we ask: one Markdown file per task and wire format. Data only; read by `extract.tasks`."""
