"""One row per fiscal year, unit and group of people: may its absence be told? (`orchestration.people.groups` decides.)

Python, as no SQL can tell whether a hidden figure follows from those that are shown.
"""


def model(dbt, session):
    """Return the decisions as a table."""
    dbt.config(materialized="table")
    import polars as pl

    from orchestration.people.groups import hidden_groups

    periods = dbt.ref("int_report_period").pl()
    months = periods.select(pl.col("report_period").alias("period"), "fiscal_year")
    states = periods.select("fiscal_year", "organisation_from").unique(maintain_order=True)
    organisation = dbt.ref("int_organisation").pl().join(states, on="organisation_from")
    assumptions = dbt.ref("stg_derived__assumptions").pl()
    minimum = assumptions.filter(pl.col("rule") == "small_group_minimum")["value"]
    return hidden_groups(
        organisation,
        dbt.ref("stg_derived__people_months").pl().join(months, on="period"),
        dbt.ref("stg_derived__people_times").pl().join(months, on="period"),
        minimum=int(minimum[0]) if len(minimum) else 10,
        hidden_before=dbt.ref("stg_derived__hidden_groups").pl(),
    )
