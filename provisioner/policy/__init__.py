"""Who may do what: defaults of the rules, and the one place that asks them."""
