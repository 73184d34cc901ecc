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
    let near = options.map(|option| (slips(word, option), option)).min_by_key(|(distance, _)| *distance);
    near.filter(|(distance, option)| *distance <= (option.len() / 3).clamp(1, 3)).map(|(_, option)| option)
}

/// Letters inserted, removed, replaced or swapped with their neighbour; capitals count as small letters.
fn slips(word: &str, option: &str) -> usize {
    strsim::osa_distance(&word.to_lowercase(), &option.to_lowercase())
}
