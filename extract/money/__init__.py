"""Money: what calls cost, what they will cost, and a budget that is never exceeded.

    words     amounts in words
    tariff    what a token costs, and the most that a call can cost
    prices    from a model to its tariff: the user's own prices, then those of genai-prices
    ledger    arithmetic of a budget: amounts that are held, and amounts that are settled
    purse     the ledger while a run asks: every call reserves before, and settles after
    budget    what a run may spend
    reserve   what papers may cost in a batch
    estimate  what papers would cost, as an interval
    account   all of that for one run: its report, its database
    plan      what a run would ask (`paperfacts run --dry-run`)

All amounts are US dollars as `Decimal`: sums are exact. A price that is not known is None, and
never 0. Not here: what is kept of it (`extract.store.spending`).
"""
