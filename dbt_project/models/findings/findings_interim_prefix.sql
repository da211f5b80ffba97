-- Kommun-Bas: 17 prepaid costs and accrued income, opened by a debit; 29 accrued costs and prepaid income, by a credit.
select
    '17' as prefix,
    -1 as open_side
union all
select
    '29' as prefix,
    1 as open_side
