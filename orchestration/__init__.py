"""avvik: budget follow-up (budget, utfall, prognos, avvikelse) for a Swedish municipality.

Importing this package is cheap and free of side effects: Dagster, dbt and Great Expectations are imported where they are used.
"""
