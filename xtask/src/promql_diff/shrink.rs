//! A differing query made small: fewer parts of the query, fewer series, fewer samples.
//!
//! **Invariant:** what is left still differs, in the same way.

use anyhow::Result;
use plimsoll_promql::eval::When;
use plimsoll_promql::syntax;
use plimsoll_promql::syntax::ast::Expr;

use super::compare::{Difference, What};
use super::oracle::Oracle;
use super::{CAUSES, Case, Verdict, ask_both};

/// The smallest case that was found.
pub fn shrink(oracle: &mut Oracle, case: &Case, found: &Difference) -> Result<(Case, Difference)> {
    let mut best = (case.clone(), found.clone());
    let mut tries = 0;
    loop {
        let before = best.0.clone();
        for candidate in smaller_queries(&best.0) {
            if attempt(oracle, &candidate, &mut best, &mut tries)? {
                break;
            }
        }
        if best.0 == before {
            for step in [8, 4, 2, 1] {
                let mut at = 0;
                while at < best.0.data.lines.len() {
                    let mut candidate = best.0.clone();
                    let end = (at + step).min(candidate.data.lines.len());
                    candidate.data.lines.drain(at..end);
                    if !attempt(oracle, &candidate, &mut best, &mut tries)? {
                        at += step;
                    }
                }
            }
            for candidate in smaller_data(&best.0) {
                attempt(oracle, &candidate, &mut best, &mut tries)?;
            }
        }
        if best.0 == before || tries > 3000 {
            return Ok(best);
        }
    }
}

fn attempt(
    oracle: &mut Oracle,
    case: &Case,
    best: &mut (Case, Difference),
    tries: &mut usize,
) -> Result<bool> {
    *tries += 1;
    if let Verdict::Differs(found) = ask_both(oracle, case, CAUSES)?
        && found.what == best.1.what
    {
        *best = (case.clone(), found);
        return Ok(true);
    }
    Ok(false)
}

fn smaller_queries(case: &Case) -> Vec<Case> {
    let mut queries: Vec<String> = Vec::new();
    if let Ok(expr) = syntax::parse(&case.query) {
        let mut all = Vec::new();
        sub_expressions(&expr, &mut all);
        all.sort_by_key(String::len);
        queries.append(&mut all);
        queries.extend(without_one(&expr));
    } else {
        // One character less, from either end or from the middle.
        let places: Vec<usize> = case.query.char_indices().map(|(at, _)| at).collect();
        for length in [16, 8, 4, 2, 1] {
            for (index, from) in places.iter().enumerate() {
                let to = places.get(index + length).copied().unwrap_or(case.query.len());
                queries.push(format!("{}{}", &case.query[..*from], &case.query[to..]));
            }
        }
    }
    let mut cases: Vec<Case> = queries
        .into_iter()
        .filter(|query| query.len() < case.query.len())
        .map(|query| Case { query, ..case.clone() })
        .collect();
    if let Some(When::Range { start, end, step }) = case.when {
        let mut at = start;
        while at <= end {
            cases.push(Case { when: Some(When::Instant(at)), ..case.clone() });
            at += step;
        }
        if end > start {
            let mut fewer = |start, end| {
                cases.push(Case { when: Some(When::Range { start, end, step }), ..case.clone() })
            };
            fewer(start, end - step);
            if start + step <= end {
                fewer(start + step, end);
            }
        }
    }
    cases
}

fn sub_expressions(expr: &Expr, into: &mut Vec<String>) {
    for child in expr.children() {
        into.push(child.to_string());
        sub_expressions(child, into);
    }
}

/// The query with one node replaced by one of its children, or without one of its modifiers.
fn without_one(expr: &Expr) -> Vec<String> {
    let mut out = Vec::new();
    let count = count(expr);
    for at in 0..count {
        for kind in 0..8 {
            let mut changed = expr.clone();
            let mut left = at;
            if change(&mut changed, &mut left, kind) {
                out.push(changed.to_string());
            }
        }
    }
    out.sort_by_key(String::len);
    out
}

fn count(expr: &Expr) -> usize {
    1 + expr.children().into_iter().map(count).sum::<usize>()
}

fn change(expr: &mut Expr, left: &mut usize, kind: usize) -> bool {
    if *left == 0 {
        return change_here(expr, kind);
    }
    *left -= 1;
    for child in expr.children_mut() {
        let size = count(child);
        if *left < size {
            return change(child, left, kind);
        }
        *left -= size;
    }
    false
}

fn change_here(expr: &mut Expr, kind: usize) -> bool {
    if let Some(child) = expr.children().get(kind).map(|child| (*child).clone()) {
        *expr = child;
        return true;
    }
    match (kind, expr) {
        (4, Expr::Vector(vector)) => {
            let many = vector.matchers.len() > 1;
            if many {
                vector.matchers.remove(0);
            }
            many
        }
        (5, Expr::Vector(vector)) => std::mem::take(&mut vector.shift) != Default::default(),
        (6, Expr::Vector(vector)) => std::mem::take(&mut vector.edges) != Default::default(),
        (4, Expr::Matrix(matrix)) => {
            let many = matrix.vector.matchers.len() > 1;
            if many {
                matrix.vector.matchers.remove(0);
            }
            many
        }
        (5, Expr::Matrix(matrix)) => std::mem::take(&mut matrix.vector.shift) != Default::default(),
        (6, Expr::Matrix(matrix)) => std::mem::take(&mut matrix.vector.edges) != Default::default(),
        (5, Expr::Subquery(subquery)) => std::mem::take(&mut subquery.shift) != Default::default(),
        (4, Expr::Aggregate(aggregate)) => aggregate.grouping.pop().is_some(),
        (5, Expr::Aggregate(aggregate)) => std::mem::take(&mut aggregate.without),
        (4, Expr::Binary(binary)) => {
            binary.matching.as_mut().is_some_and(|matching| matching.include.pop().is_some())
        }
        (5, Expr::Binary(binary)) => {
            binary.matching.as_mut().is_some_and(|matching| matching.labels.pop().is_some())
        }
        (6, Expr::Binary(binary)) => binary
            .matching
            .as_mut()
            .is_some_and(|m| m.fill_left.take().is_some() | m.fill_right.take().is_some()),
        (7, Expr::Binary(binary)) => std::mem::take(&mut binary.return_bool),
        (7, Expr::Call(call)) => call.args.pop().is_some(),
        _ => false,
    }
}

fn smaller_data(case: &Case) -> Vec<Case> {
    let mut cases = Vec::new();
    let longest = case.data.lines.iter().map(|line| line.values.len()).max().unwrap_or(0);
    if longest > 1 {
        let mut shorter = case.clone();
        for line in &mut shorter.data.lines {
            line.values.truncate(longest - 1);
            if let Some(starts) = &mut line.starts {
                starts.truncate(longest - 1);
            }
        }
        cases.push(shorter);
    }
    for (at, line) in case.data.lines.iter().enumerate() {
        if line.starts.is_some() {
            let mut without = case.clone();
            without.data.lines[at].starts = None;
            cases.push(without);
        }
        for (index, value) in line.values.iter().enumerate() {
            for simple in ["_", "1"] {
                if value != simple && value != "_" {
                    let mut without = case.clone();
                    without.data.lines[at].values[index] = simple.into();
                    cases.push(without);
                }
            }
        }
    }
    cases
}

/// For people: at which time.
pub fn shown_when(when: Option<When>) -> String {
    match when {
        None => "reading".into(),
        Some(When::Instant(at)) => format!("eval instant at {at}ms"),
        Some(When::Range { start, end, step }) => {
            format!("eval range from {start}ms to {end}ms step {step}ms")
        }
    }
}

/// For people: series, question, both answers.
pub fn report(case: &Case, found: &Difference) -> String {
    let data = if found.what <= What::Printing { String::new() } else { case.data.text() };
    format!(
        "--- {:?}\n{data}{} {}\n  wanted {}\n  got    {}",
        found.what,
        shown_when(case.when),
        case.query,
        found.wanted,
        found.got
    )
}
