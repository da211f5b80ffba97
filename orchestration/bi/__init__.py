"""The published marts in a BI tool (Apache Superset): dashboards as files, documented queries, and what starts it."""
