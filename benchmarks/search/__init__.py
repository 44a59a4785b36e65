"""How methods of search compare: samplers x schedulers on bundled tasks, over several seeds, with equal budgets."""
