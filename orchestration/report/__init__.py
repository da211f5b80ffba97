"""Documents for people: rendering only. Every amount comes from the published marts.

    from orchestration.report.write import write_reports
    write_reports(settings, "2015-03")

`table` reads one follow-up table (`avvik report`); `model` reads a whole report, `causes` says why a line deviates as far as data
knows, `text` writes Swedish sentences, `figures` draws, `html`, `excel` and `pdf` print, and `write` proves each report and puts
the files in place.
"""
