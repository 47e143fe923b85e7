"""The command service: carries out operators' commands and publishes the public's text."""
