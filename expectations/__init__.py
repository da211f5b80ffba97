"""Great Expectations suites (is the file right?), one module per kind of export, and the catalogue of rules."""
