"""The processes that own nodes and carry out their tasks."""
