"""Pure calculations about personnel cost: no files, no database, no persons' names.

`absence` knows what a day of absence saves, `po` the on-cost by year, `bridge` how budget becomes outcome, `rules` reads the
dated rules and rates that they use. Dagster, the readers and SQL stay outside.
"""
