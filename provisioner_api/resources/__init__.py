"""One module per noun: parse, authorize, ask, serialize."""
