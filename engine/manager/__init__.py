"""Doing it: traders, slots, orders, capital, and the records of all of it."""
