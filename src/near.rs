//! Names that somebody may have meant. Uses nothing of the project. Not hot.

/// Whether a name is likely to be another one with some letters mistaken, case aside. Short names
/// tell too little.
pub fn is_near(wanted: &str, name: &str) -> bool {
    let wanted: Vec<char> = wanted.to_lowercase().chars().take(64).collect();
    wanted.len() >= 4 && (1..=most(&wanted)).contains(&distance(&wanted, name))
}

/// Mistakes that a name of this length may have.
fn most(wanted: &[char]) -> usize {
    1 + wanted.len() / 4
}

/// What to say behind an unknown name: the nearest known ones, or all of them where none is near.
pub fn names<'a>(wanted: &str, known: impl Iterator<Item = &'a str>) -> String {
    /// As many as a line of a terminal holds.
    const MOST: usize = 24;
    let wanted: Vec<char> = wanted.to_lowercase().chars().take(64).collect();
    let mut known: Vec<_> = known.map(|name| (distance(&wanted, name), name)).collect();
    let near = most(&wanted);
    if known.iter().any(|(distance, _)| *distance <= near) {
        known.retain(|(distance, _)| *distance <= near);
        known.sort();
        let names: Vec<_> = known.iter().take(3).map(|(_, name)| *name).collect();
        return format!("did you mean {}?", names.join(" or "));
    }
    let mut names: Vec<_> = known.iter().take(MOST).map(|(_, name)| *name).collect();
    if known.len() > MOST {
        names.push("…");
    }
    format!("there is {}", names.join(", "))
}

/// Letters to insert, remove or change (Levenshtein), case aside.
fn distance(wanted: &[char], name: &str) -> usize {
    let mut row: Vec<usize> = (0..=wanted.len()).collect();
    for (index, letter) in name.to_lowercase().chars().take(64).enumerate() {
        let mut diagonal = index;
        let mut left = index + 1;
        for (cell, wanted) in
            row.iter_mut().zip(std::iter::once(None).chain(wanted.iter().map(Some)))
        {
            let above = *cell;
            *cell = match wanted {
                None => index + 1,
                Some(wanted) => {
                    (diagonal + usize::from(*wanted != letter)).min(above + 1).min(left + 1)
                }
            };
            diagonal = above;
            left = *cell;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_ones_first_else_all() {
        let known = ["id", "customer_id", "amount", "amounts"];
        assert_eq!(names("amout", known.into_iter()), "did you mean amount or amounts?");
        assert_eq!(names("CUSTOMERID", known.into_iter()), "did you mean customer_id?");
        assert!(is_near("users", "user") && is_near("customer", "costumers"));
        assert!(
            !is_near("users", "orders") && !is_near("users", "Users") && !is_near("db1", "db2")
        );
        assert!(names("zzz", known.into_iter()).starts_with("there is id, customer_id"));
        assert_eq!(distance(&['k', 'i', 't', 't', 'e', 'n'], "sitting"), 3);
    }
}
