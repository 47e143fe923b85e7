"""English, as it comes along: what alerts are worded in where a test does not ask how."""

from skyfence.adapters.files import load_catalogue

ENGLISH = load_catalogue().english
