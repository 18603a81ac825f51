"""Where engine and API meet: what each published JSON document holds, by which formulas, and how a set is published."""
