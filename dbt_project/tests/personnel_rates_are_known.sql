{{ check(
    "personnel_assumption",
    severity="warn",
    sv="{rule} för {year} saknas: personalbryggan och personaltalen är tomma för de månader som behöver värdet. Skriv det med källa "
    ~ "i en egen fil med samma kolumner som {file} och ange filen som {setting} i avvik.toml.",
    en="{rule} for {year} is missing: the personnel bridge and figures are empty for the months that need it. Write it with its "
    ~ "source in a file of your own with the columns of {file}, and name the file as {setting} in avvik.toml.",
) }}

-- A value that nobody found: the follow-up is published, but what HR data would explain is not told.
select
    rule,
    substr(cast(valid_from as string), 1, 4) as year,
    source as file,
    note as setting
from {{ ref("personnel_assumption") }}
where status = 'missing'
