//! What would be right where a word is not known.
//!
//! Not a spelling checker: only the words that may stand there are looked at.
//!
//! **Invariant:** time is bounded: long words are never compared.

/// The message on a word that is none of those known.
pub(super) fn unknown(word: &str, due: &str, options: &[&str]) -> String {
    match nearest(word, options.iter().copied()) {
        Some(near) => format!("{due} is due here, not '{word}': did you mean {near}?"),
        None => format!("{due} is due here, not '{word}': write {}", one_of(options)),
    }
}

/// `a, b or c`.
pub(super) fn one_of(options: &[&str]) -> String {
    match options {
        [] => "nothing".to_owned(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// The option that a slip of the finger would turn into `word`.
pub(super) fn nearest<'o>(word: &str, options: impl IntoIterator<Item = &'o str>) -> Option<&'o str> {
    const LONGEST_WORD: usize = 64;
    if word.len() > LONGEST_WORD {
        return None;
    }
    let options = options.into_iter().filter(|option| option.len() <= LONGEST_WORD);
    let near = options.map(|option| (distance(word, option), option)).min_by_key(|(distance, _)| *distance);
    near.filter(|(distance, option)| *distance <= (option.len() / 3).clamp(1, 3)).map(|(_, option)| option)
}

/// Number of letters to insert, remove, replace or swap with their neighbour; capitals count as small letters.
fn distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<_>, Vec<_>) =
        (left.to_lowercase().chars().collect(), right.to_lowercase().chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, b) in right.iter().enumerate() {
            let mut best = (row[j] + usize::from(a != b)).min(row[j + 1] + 1).min(next[j] + 1);
            if i > 0 && j > 0 && *a == right[j - 1] && left[i - 1] == *b {
                best = best.min(before[j - 1] + 1);
            }
            next.push(best);
        }
        before = std::mem::replace(&mut row, next);
    }
    row.last().copied().unwrap_or_default()
}
