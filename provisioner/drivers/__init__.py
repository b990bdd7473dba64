"""Hardware types and their interfaces. Drivers know no database, no engine and no other driver."""
