"""One telemed node: a jurisdiction's patients, doctors, visits and sealed records."""
