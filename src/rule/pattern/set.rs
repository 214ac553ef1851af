//! HOT. Sets of bytes, and what a part of an expression may begin with. Uses nothing of the project.

use regex_syntax::hir::{Class, Hir, HirKind, Look};

/// A set of bytes, as a table: one look a byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Set(Box<[bool; 256]>);

impl Set {
    pub(super) fn empty() -> Self {
        Self(Box::new([false; 256]))
    }

    #[inline]
    pub(super) fn has(&self, byte: u8) -> bool {
        self.0[usize::from(byte)]
    }

    pub(super) fn add(&mut self, byte: u8) {
        self.0[usize::from(byte)] = true;
    }

    pub(super) fn add_all(&mut self, other: &Set) {
        self.0.iter_mut().zip(other.0.iter()).for_each(|(own, other)| *own |= other);
    }

    pub(super) fn meets(&self, other: &Set) -> bool {
        self.0.iter().zip(other.0.iter()).any(|(own, other)| *own && *other)
    }

    /// Whether it has bytes of characters beyond ASCII; it then has all of them, where `exact` made it.
    pub(super) fn has_high(&self) -> bool {
        self.has(0x80)
    }

    /// The bytes outside, where there are at most three.
    pub(super) fn few_outside(&self) -> Option<Vec<u8>> {
        let outside: Vec<u8> = (0..=u8::MAX).filter(|byte| !self.has(*byte)).collect();
        (outside.len() <= 3).then_some(outside)
    }

    /// The characters of a class as bytes of UTF-8: those of ASCII, and all beyond it or none. `None` for
    /// a class that has some of those beyond.
    pub(super) fn exact(class: &Class) -> Option<Self> {
        let (set, high) = Self::of(class);
        (high != High::Some).then_some(set)
    }

    /// All bytes that characters of a class may have.
    fn of(class: &Class) -> (Self, High) {
        let mut set = Self::empty();
        let mut high = High::None;
        let mut add = |from: u32, to: u32| {
            for byte in 0..=0x7f_u8 {
                if (from..=to).contains(&u32::from(byte)) {
                    set.add(byte);
                }
            }
            match () {
                () if from <= 0x80 && to >= 0x10_ffff => high = High::All,
                () if to >= 0x80 && high == High::None => high = High::Some,
                () => {}
            }
        };
        match class {
            Class::Unicode(class) => {
                class.iter().for_each(|range| add(range.start().into(), range.end().into()));
            }
            Class::Bytes(class) => {
                class.iter().for_each(|range| add(range.start().into(), range.end().into()));
            }
        }
        if high != High::None {
            (0x80..=u8::MAX).for_each(|byte| set.add(byte));
        }
        (set, high)
    }
}

/// What a class has beyond ASCII.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum High {
    None,
    Some,
    All,
}

/// How what follows a place may go on: more than is possible, never less.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct First {
    /// With one of these bytes.
    pub(super) bytes: Set,
    /// With the end of the text.
    pub(super) end: bool,
    /// With anything: the match may be over here.
    pub(super) any: bool,
}

impl First {
    /// Nothing is possible.
    pub(super) fn nothing() -> Self {
        Self { bytes: Set::empty(), end: false, any: false }
    }

    /// The match is over.
    pub(super) fn over() -> Self {
        Self { any: true, ..Self::nothing() }
    }

    /// Of an expression and what follows it.
    pub(super) fn of(hir: &Hir, follow: &First) -> Self {
        let mut first = Self::nothing();
        match hir.kind() {
            HirKind::Empty => return follow.clone(),
            HirKind::Literal(literal) => {
                literal.0.first().iter().for_each(|b| first.bytes.add(**b))
            }
            HirKind::Class(class) => first.bytes = Set::of(class).0,
            HirKind::Look(Look::End) => first.end = true,
            HirKind::Look(_) => return follow.clone(),
            HirKind::Repetition(repetition) => {
                first = Self::of(&repetition.sub, follow);
                if repetition.min == 0 {
                    first.add(follow);
                }
            }
            HirKind::Capture(capture) => return Self::of(&capture.sub, follow),
            HirKind::Concat(parts) => {
                return parts.iter().rev().fold(follow.clone(), |follow, part| {
                    // What cannot be empty hides what follows it.
                    Self::of(part, &follow)
                });
            }
            HirKind::Alternation(branches) => {
                branches.iter().for_each(|branch| first.add(&Self::of(branch, follow)));
            }
        }
        first
    }

    pub(super) fn add(&mut self, other: &First) {
        self.bytes.add_all(&other.bytes);
        self.end |= other.end;
        self.any |= other.any;
    }

    /// Whether it may go on with a byte of the set.
    pub(super) fn meets(&self, set: &Set) -> bool {
        self.any || self.bytes.meets(set)
    }
}

/// All bytes that texts of an expression may have; none where it looks around.
pub(super) fn alphabet(hir: &Hir) -> Option<Set> {
    let mut set = Set::empty();
    match hir.kind() {
        HirKind::Empty => {}
        HirKind::Literal(literal) => literal.0.iter().for_each(|byte| set.add(*byte)),
        HirKind::Class(class) => set = Set::of(class).0,
        HirKind::Look(_) => return None,
        HirKind::Repetition(repetition) => return alphabet(&repetition.sub),
        HirKind::Capture(capture) => return alphabet(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            for part in parts {
                set.add_all(&alphabet(part)?);
            }
        }
    }
    Some(set)
}
