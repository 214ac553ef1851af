//! HOT. A walk through a text by steps that never go back: a look at the next byte tells where to go.
//! Uses `rule::pattern::set`.
//!
//! Where an expression would have more than one way on, the walk takes the one that the expression
//! prefers, and is no longer sure. A walk that arrives has found the match that the expression prefers,
//! sure or not: at every fork it went the preferred of the ways that were possible. A walk that fails
//! while it is sure proves that there is no match. Only one that fails when it was not sure says
//! nothing; the engine of regular expressions then answers.

use memchr::{memchr, memchr2, memchr3, memmem, memrchr};
use regex_automata::Anchored;
use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::util::start;

use super::set::Set;

/// What a walk has found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// The match; `Walk::group` tells its parts.
    Match,
    /// There is none.
    No,
    /// Ask the engine.
    Unsure,
}

/// A group that took no part.
const NOWHERE: usize = usize::MAX;

/// In `Choice`: no way on. Also the most ways there may be.
pub(super) const NO_WAY: u8 = 0x7f;
/// In `Choice`: there are other ways.
pub(super) const OTHER_WAYS: u8 = 0x80;

/// A step, and the number of the step behind it.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) kind: Kind,
    pub(super) next: usize,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    /// This byte.
    Byte(u8),
    /// These bytes.
    Literal(Box<[u8]>),
    /// One character; beyond ASCII it has several bytes.
    One(Set),
    /// As many bytes as are in the set.
    Run(Run),
    /// As few bytes of the set as there are before these bytes.
    Until { set: Set, min: usize, literal: Box<[u8]>, other_ways: bool },
    /// As few bytes of the set as there are before one of these bytes, or before the end.
    UntilOne { set: Set, min: usize, stop: Set, end: bool, other_ways: bool },
    /// As many bytes of the set as there are before these bytes.
    UntilLast { set: Set, min: usize, literal: Box<[u8]> },
    /// All bytes in a set: together they must be what an automaton takes.
    Block(Box<Block>),
    /// Where to go by the next byte.
    Choice(Box<Choice>),
    /// A group begins or ends here.
    Save(usize),
    /// The text begins here.
    Start,
    /// The text ends here.
    End,
    /// A word begins or ends here.
    WordBoundary,
    /// The match is over.
    Over,
}

#[derive(Debug, Clone)]
pub(super) struct Run {
    pub(super) set: Set,
    pub(super) outside: Outside,
    pub(super) min: usize,
    pub(super) max: usize,
    /// The group that the run is, or 0.
    pub(super) group: usize,
    pub(super) other_ways: bool,
}

/// The bytes outside a set, where they are so few that they are searched for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Outside {
    None,
    One(u8),
    Two(u8, u8),
    Three(u8, u8, u8),
    Many,
}

#[derive(Debug, Clone)]
pub(super) struct Block {
    pub(super) set: Set,
    pub(super) automaton: DFA,
    /// The number of its cache.
    pub(super) cache: usize,
}

#[derive(Debug, Clone)]
pub(super) struct Choice {
    /// The number of the target, perhaps with `OTHER_WAYS`.
    pub(super) by_byte: [u8; 256],
    pub(super) at_end: u8,
    pub(super) targets: Vec<usize>,
}

/// The steps of an expression, and where its groups were found.
#[derive(Debug, Clone)]
pub(super) struct Walk {
    pub(super) steps: Vec<Step>,
    pub(super) entry: usize,
    /// Whether a match can begin nowhere but at the front.
    pub(super) anchored: bool,
    /// Whether texts need not be UTF-8.
    pub(super) any_bytes: bool,
    /// Begin and end of every group.
    pub(super) places: Vec<usize>,
    /// What the automata of blocks have worked out.
    pub(super) caches: Vec<Cache>,
}

impl Walk {
    /// Where a group of the last match was found.
    #[inline]
    pub(super) fn group(&self, group: usize) -> Option<(usize, usize)> {
        let from = *self.places.get(group.checked_mul(2)?)?;
        let to = *self.places.get(group * 2 + 1)?;
        (from != NOWHERE && to != NOWHERE).then_some((from, to))
    }

    /// Walks through a text; UTF-8, unless `any_bytes`.
    #[inline]
    pub(super) fn walk(&mut self, text: &[u8]) -> Found {
        let Self { steps, entry, anchored, places, caches, .. } = self;
        places.fill(NOWHERE);
        go(steps, (*entry, *anchored), text, places, caches)
    }

    /// The same without groups, and unsure of blocks.
    #[inline]
    pub(super) fn look(&self, text: &[u8]) -> Found {
        go(&self.steps, (self.entry, self.anchored), text, &mut [], &mut [])
    }
}

#[inline]
fn go(
    steps: &[Step],
    (entry, anchored): (usize, bool),
    text: &[u8],
    places: &mut [usize],
    caches: &mut [Cache],
) -> Found {
    let (mut at, mut next, mut sure) = (0, entry, anchored);
    while let Some(step) = steps.get(next) {
        let rest = text.get(at..).unwrap_or_default();
        next = step.next;
        let length = match &step.kind {
            Kind::Byte(byte) => (rest.first() == Some(byte)).then_some(1),
            Kind::Literal(literal) => begins(rest, literal).then_some(literal.len()),
            Kind::One(set) => one(set, rest),
            Kind::Run(run) => {
                sure &= !run.other_ways;
                let length = run.length(rest);
                if let Some(length) = length
                    && run.group > 0
                {
                    save(places, run.group * 2, at);
                    save(places, run.group * 2 + 1, at + length);
                }
                length
            }
            Kind::Until { set, min, literal, other_ways } => {
                sure &= !*other_ways;
                let behind = rest.get(*min..).unwrap_or_default();
                memmem::find(behind, literal)
                    .map(|found| found + *min)
                    .filter(|found| all_in(set, rest, *found))
            }
            Kind::UntilOne { set, min, stop, end, other_ways } => {
                sure &= !*other_ways;
                let behind = rest.get(*min..).unwrap_or_default();
                let found = behind.iter().position(|byte| stop.has(*byte));
                let found = found.or_else(|| end.then_some(behind.len()));
                found.map(|found| found + *min).filter(|found| all_in(set, rest, *found))
            }
            Kind::UntilLast { set, min, literal } => {
                sure = false;
                until_last(set, rest, literal).filter(|found| *found >= *min)
            }
            Kind::Block(block) => match block.length(rest, caches) {
                Some(length) => length,
                None => return Found::Unsure,
            },
            Kind::Choice(choice) => {
                let way = match rest.first() {
                    Some(byte) => choice.by_byte[usize::from(*byte)],
                    None => choice.at_end,
                };
                sure &= way & OTHER_WAYS == 0;
                choice.targets.get(usize::from(way & !OTHER_WAYS)).map(|target| {
                    next = *target;
                    0
                })
            }
            Kind::Save(place) => {
                save(places, *place, at);
                Some(0)
            }
            Kind::Start => (at == 0).then_some(0),
            Kind::End => rest.is_empty().then_some(0),
            Kind::WordBoundary => {
                let before = at.checked_sub(1).and_then(|at| text.get(at));
                (is_word(before) != is_word(rest.first())).then_some(0)
            }
            Kind::Over => {
                save(places, 0, 0);
                save(places, 1, at);
                return Found::Match;
            }
        };
        match length {
            Some(length) => at += length,
            None => break,
        }
    }
    if sure { Found::No } else { Found::Unsure }
}

#[inline]
fn save(places: &mut [usize], place: usize, at: usize) {
    if let Some(slot) = places.get_mut(place) {
        *slot = at;
    }
}

fn is_word(byte: Option<&u8>) -> bool {
    byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

/// Most literals are short: a loop beats a call.
#[inline]
fn begins(rest: &[u8], literal: &[u8]) -> bool {
    let front = rest.get(..literal.len());
    front.is_some_and(|front| front.iter().zip(literal).all(|(one, other)| one == other))
}

/// How many bytes in front are in the set.
#[inline]
fn run_length(set: &Set, bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some([a, b, c, d]) = bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        match () {
            () if !set.has(*a) => return at,
            () if !set.has(*b) => return at + 1,
            () if !set.has(*c) => return at + 2,
            () if !set.has(*d) => return at + 3,
            () => at += 4,
        }
    }
    let tail = bytes.get(at..).unwrap_or_default();
    at + tail.iter().position(|byte| !set.has(*byte)).unwrap_or(tail.len())
}

/// The length of the character in front, when it is in the set.
#[inline]
fn one(set: &Set, rest: &[u8]) -> Option<usize> {
    let byte = rest.first().filter(|byte| set.has(**byte))?;
    Some(match byte {
        0..=0x7f => 1,
        0x80..=0xdf => 2,
        0xe0..=0xef => 3,
        _ => 4,
    })
}

fn all_in(set: &Set, rest: &[u8], length: usize) -> bool {
    rest.get(..length).is_some_and(|bytes| run_length(set, bytes) == length)
}

/// The last place of the literal with nothing but bytes of the set before it.
fn until_last(set: &Set, rest: &[u8], literal: &[u8]) -> Option<usize> {
    let run = run_length(set, rest);
    let first = *literal.first()?;
    // The literal may begin right behind the run.
    let mut end = run.saturating_add(1).min(rest.len());
    loop {
        let found = memrchr(first, rest.get(..end)?)?;
        if rest.get(found..)?.starts_with(literal) {
            return Some(found);
        }
        end = found;
    }
}

impl Run {
    #[inline]
    fn length(&self, rest: &[u8]) -> Option<usize> {
        let end = match self.outside {
            Outside::None => None,
            Outside::One(a) => memchr(a, rest),
            Outside::Two(a, b) => memchr2(a, b, rest),
            Outside::Three(a, b, c) => memchr3(a, b, c, rest),
            Outside::Many => Some(run_length(&self.set, rest.get(..self.max).unwrap_or(rest))),
        };
        let length = end.unwrap_or(rest.len());
        (length >= self.min).then_some(length)
    }
}

impl Block {
    /// `None` where the automaton gives up, `Some(None)` where it takes the bytes not.
    fn length(&self, rest: &[u8], caches: &mut [Cache]) -> Option<Option<usize>> {
        let Self { set, automaton, cache } = self;
        let cache = caches.get_mut(*cache)?;
        let start = start::Config::new().anchored(Anchored::Yes);
        let mut state = automaton.start_state(cache, &start).ok()?;
        let mut length = 0;
        for byte in rest {
            if !set.has(*byte) {
                break;
            }
            state = automaton.next_state(cache, state, *byte).ok()?;
            if state.is_dead() {
                return Some(None);
            }
            length += 1;
        }
        let state = automaton.next_eoi_state(cache, state).ok()?;
        Some(state.is_match().then_some(length))
    }
}
