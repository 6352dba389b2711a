-- The questions that people ask first, as views over the built-in task's facts.

-- The best stated score of each listed dataset and metric, where the metric has a better end.
create or replace view results_best as
select
    r.dataset,
    r.metric_name as metric,
    arg_max(r.method, case when r.metric_higher_is_better then r.number else -r.number end) as method,
    arg_max(r.value, case when r.metric_higher_is_better then r.number else -r.number end) as value,
    arg_max(r.paper_id, case when r.metric_higher_is_better then r.number else -r.number end) as paper_id,
    count(*) as results
from task_facts.results r
where r.kind = 'score'
    and r.dataset_id is not null
    and r.number is not null
    and r.metric_higher_is_better is not null
group by r.dataset, r.metric_name
order by results desc, r.dataset;

-- How many papers name a method, and how many propose it.
create or replace view papers_by_method as
select
    lower(m.name) as name_key,
    any_value(m.name) as method,
    count(distinct m.paper_id) as papers,
    count(distinct m.paper_id) filter (where m.role = 'proposed') as proposed_in
from task_facts.methods m
group by lower(m.name)
order by papers desc, method;

-- The same method, listed dataset and metric with different scores in different papers.
create or replace view results_that_disagree as
select
    r.method,
    r.dataset,
    r.metric_name as metric,
    min(r.number) as lowest,
    max(r.number) as highest,
    count(distinct r.paper_id) as papers
from task_facts.results r
where r.kind = 'score' and r.method is not null and r.dataset_id is not null
    and r.metric_name is not null
group by all
having count(distinct r.paper_id) > 1 and min(r.number) < max(r.number)
order by papers desc;

-- Claims with the title of their paper, one type after the other.
create or replace view claims_by_type as
select c.type, c.text, p.title, c.paper_id, c.sentence
from task_facts.claims c
join papers p using (paper_id)
order by c.type, c.paper_id, c.sentence;

-- Stated gaps that are not the gap between the two values they join, with their sentence.
create or replace view results_that_contradict_themselves as
select
    g.paper_id,
    p.title,
    g.value as stated_gap,
    g.low_value,
    g.high_value,
    g.expected,
    g.reading,
    r.evidence,
    g.fact_id
from task_facts.gaps g
join task_facts.results r using (fact_id)
join papers p on p.paper_id = g.paper_id
where g.verdict = 'contradiction'
order by g.paper_id, r.position;
