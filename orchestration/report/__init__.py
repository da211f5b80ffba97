"""Documents for people: rendering only. Every number comes from the published marts; nothing is computed here but rounding."""
