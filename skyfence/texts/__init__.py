"""People's words, one file a language, and the catalogue that reads them."""
