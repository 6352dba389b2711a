"""The shape of what is extracted: one module of pydantic models per task, and its SQL views."""
