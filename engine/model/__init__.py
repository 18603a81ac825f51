"""The ground floor: frozen values of the field and their arithmetic; no I/O, no clock, no logs."""
