//! The name that was probably meant.

/// Returns the known name that was probably meant, by edit distance. `None` if none is close.
pub fn nearest<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let name = name.to_lowercase();
    let bound = name.chars().count().div_ceil(3);
    let distance = |known: &str| strsim::damerau_levenshtein(&name, &known.to_lowercase());
    let close = known.map(|known| (distance(known), known));
    let close = close.filter(|(distance, _)| *distance <= bound);
    close.min().map(|(_, known)| known)
}

/// Returns the hint that names the one that was probably meant, or else another hint.
pub fn did_you_mean<'n>(
    name: &str,
    known: impl Iterator<Item = &'n str>,
    otherwise: impl FnOnce() -> String,
) -> String {
    match nearest(name, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => otherwise(),
    }
}
