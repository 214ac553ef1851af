//! From an expression to the steps of a walk, from its end to its front. Uses `rule::pattern`. Not hot.
//!
//! What has no steps (classes with some letters of Unicode, parts that may be empty in a repetition, ...)
//! gives no walk: the engine does it. What has steps only with forks that the next byte does not decide
//! becomes a block where its texts have no byte with which the rest can begin: their end is known then,
//! and an automaton tells whether they fit.

use regex_automata::MatchKind;
use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::nfa::thompson::{NFA, WhichCaptures};
use regex_syntax::hir::{Capture, Hir, HirKind, Look, Repetition};

use super::set::{First, Set, alphabet};
use super::walk::{Block, Choice, Kind, NO_WAY, OTHER_WAYS, Outside, Run, Step, Walk};

/// More steps than this gain nothing over the engine.
const MOST_STEPS: usize = 2000;

/// Copies of a part that is repeated so often.
const MOST_COPIES: u32 = 16;

/// What an automaton of a block may need when built, and again while it works, in bytes.
const MOST_BUILT: usize = 1 << 20;

/// The walk of an expression; `None` where it has none.
pub(super) fn plan(pattern: &str) -> Option<Walk> {
    let hir = regex_syntax::parse(pattern).ok()?;
    let mut plan = Plan { steps: Vec::new(), caches: Vec::new(), forks: 0, any_bytes: true };
    if plan.count(&hir) > MOST_STEPS {
        return None;
    }
    let over = plan.push(Kind::Over, 0)?;
    let entry = plan.build(&hir, over, &First::over())?;
    let groups = hir.properties().explicit_captures_len() + 1;
    Some(Walk {
        steps: plan.steps,
        entry,
        anchored: hir.properties().look_set_prefix().contains(Look::Start),
        any_bytes: plan.any_bytes,
        places: vec![0; groups * 2],
        caches: plan.caches,
    })
}

struct Plan {
    steps: Vec<Step>,
    caches: Vec<Cache>,
    /// Steps after which a walk is no longer sure.
    forks: usize,
    /// Whether no step looks for the ends of characters.
    any_bytes: bool,
}

impl Plan {
    /// Parts of an expression, so that planning takes no longer than it is worth.
    fn count(&self, hir: &Hir) -> usize {
        let parts = match hir.kind() {
            HirKind::Repetition(repetition) => self.count(&repetition.sub),
            HirKind::Capture(capture) => self.count(&capture.sub),
            HirKind::Concat(parts) | HirKind::Alternation(parts) => {
                parts.iter().map(|part| self.count(part)).sum()
            }
            _ => 0,
        };
        parts + 1
    }

    fn push(&mut self, kind: Kind, next: usize) -> Option<usize> {
        self.steps.push(Step { kind, next });
        (self.steps.len() <= MOST_STEPS).then_some(self.steps.len() - 1)
    }

    /// Puts the steps of an expression in front of `next`, which may go on as `follow` says; gives the
    /// first of them.
    fn build(&mut self, hir: &Hir, next: usize, follow: &First) -> Option<usize> {
        match hir.kind() {
            HirKind::Empty => Some(next),
            HirKind::Literal(literal) => self.literal(&literal.0, next),
            HirKind::Look(look) => self.look(*look, next, follow),
            HirKind::Capture(capture) => self.capture(capture, next, follow),
            _ => {
                let (before, forks) = (self.steps.len(), self.forks);
                let built = self.composed(hir, next, follow);
                if built.is_some() && self.forks == forks {
                    return built;
                }
                match self.block(hir, follow) {
                    Some(block) => {
                        self.steps.truncate(before);
                        self.forks = forks;
                        self.push(Kind::Block(Box::new(block)), next)
                    }
                    None => built,
                }
            }
        }
    }

    fn composed(&mut self, hir: &Hir, next: usize, follow: &First) -> Option<usize> {
        match hir.kind() {
            HirKind::Class(class) => {
                let set = self.exact(Set::exact(class)?);
                self.push(Kind::One(set), next)
            }
            HirKind::Repetition(repetition) => self.repetition(repetition, next, follow),
            HirKind::Alternation(branches) => {
                let mut ways = Vec::new();
                for branch in branches {
                    let entry = self.build(branch, next, follow)?;
                    ways.push((First::of(branch, follow), entry));
                }
                let choice = self.choice(&ways)?;
                self.push(choice, 0)
            }
            HirKind::Concat(parts) => {
                let (mut next, mut follow) = (next, follow.clone());
                for part in parts.iter().rev() {
                    next = self.build(part, next, &follow)?;
                    follow = First::of(part, &follow);
                }
                Some(next)
            }
            _ => None,
        }
    }

    /// Remembers that the steps need whole characters.
    fn exact(&mut self, set: Set) -> Set {
        self.any_bytes &= !set.has_high();
        set
    }

    fn literal(&mut self, bytes: &[u8], next: usize) -> Option<usize> {
        match bytes {
            [byte] => self.push(Kind::Byte(*byte), next),
            bytes => self.push(Kind::Literal(bytes.into()), next),
        }
    }

    fn look(&mut self, look: Look, next: usize, follow: &First) -> Option<usize> {
        match look {
            Look::Start => self.push(Kind::Start, next),
            // Nothing but the end of the match may stand behind the end of the text.
            Look::End if *follow == First::over() => self.push(Kind::End, next),
            Look::WordAscii => self.push(Kind::WordBoundary, next),
            _ => None,
        }
    }

    fn capture(&mut self, capture: &Capture, next: usize, follow: &First) -> Option<usize> {
        let group = usize::try_from(capture.index).ok()?;
        if let HirKind::Repetition(repetition) = capture.sub.kind()
            && let Some((set, bounds)) = of_characters(repetition)
            && repetition.greedy
            && (!follow.meets(&set) || bounds.0 == bounds.1)
        {
            return self.run(set, bounds, group, next, follow);
        }
        let end = self.push(Kind::Save(group * 2 + 1), next)?;
        let inside = self.build(&capture.sub, end, follow)?;
        self.push(Kind::Save(group * 2), inside)
    }

    fn repetition(
        &mut self,
        repetition: &Repetition,
        next: usize,
        follow: &First,
    ) -> Option<usize> {
        let Repetition { min, max, greedy, sub } = repetition;
        if let Some((set, bounds)) = of_characters(repetition) {
            return match greedy {
                true => self.run(set, bounds, 0, next, follow),
                false => self.lazy(set, bounds.0, next, follow),
            };
        }
        // Texts without a byte could be repeated without end.
        if sub.properties().minimum_len().is_none_or(|length| length == 0) {
            return None;
        }
        let first = First::of(sub, &First::nothing());
        let copies = max.unwrap_or(*min);
        if copies > MOST_COPIES {
            return None;
        }
        let ways = |inside: usize| match greedy {
            true => [(first.clone(), inside), (follow.clone(), next)],
            false => [(follow.clone(), next), (first.clone(), inside)],
        };
        let (mut entry, mut behind, mut left) = (next, follow.clone(), *min);
        if max.is_none() {
            let fork = self.push(Kind::Over, 0)?;
            let inside = self.body(sub, fork, follow, *greedy)?;
            let choice = self.choice(&ways(inside))?;
            self.steps.get_mut(fork)?.kind = choice;
            behind.add(&first);
            entry = fork;
            if left > 0 {
                // The fork stands behind the first of them.
                (entry, behind, left) = (inside, first.clone(), left - 1);
            }
        }
        for _ in *min..copies {
            let inside = self.build(sub, entry, &behind)?;
            let choice = self.choice(&ways(inside))?;
            entry = self.push(choice, 0)?;
            behind.add(&first);
        }
        for _ in 0..left {
            entry = self.build(sub, entry, &behind)?;
            behind = first.clone();
        }
        Some(entry)
    }

    /// The inside of a repetition without end, which comes back to `fork`; `follow` is behind the
    /// repetition. A branch that is one character takes as many as there are at once, where no other way
    /// could take them.
    fn body(&mut self, sub: &Hir, fork: usize, follow: &First, greedy: bool) -> Option<usize> {
        let again = First::of(sub, &First::nothing());
        let mut behind = follow.clone();
        behind.add(&again);
        let HirKind::Alternation(branches) = sub.kind() else {
            return self.build(sub, fork, &behind);
        };
        let mut ways = Vec::new();
        for (number, branch) in branches.iter().enumerate() {
            let mut others = follow.clone();
            let rest = branches.iter().enumerate().filter(|(at, _)| *at != number);
            rest.for_each(|(_, other)| others.add(&First::of(other, &First::nothing())));
            let entry = match branch.kind() {
                HirKind::Class(class)
                    if greedy && Set::exact(class).is_some_and(|set| !others.meets(&set)) =>
                {
                    self.run(Set::exact(class)?, (1, usize::MAX), 0, fork, &others)?
                }
                _ => self.build(branch, fork, &behind)?,
            };
            ways.push((First::of(branch, &behind), entry));
        }
        let choice = self.choice(&ways)?;
        self.push(choice, 0)
    }

    fn run(
        &mut self,
        set: Set,
        (min, max): (usize, usize),
        group: usize,
        next: usize,
        follow: &First,
    ) -> Option<usize> {
        let set = self.exact(set);
        let other_ways = min != max && follow.meets(&set);
        self.forks += usize::from(other_ways);
        if other_ways
            && max == usize::MAX
            && group == 0
            && let Some(literal) = self.literal_at(next)
        {
            return self.push(Kind::UntilLast { set, min, literal }, next);
        }
        let outside = match set.few_outside().as_deref() {
            Some([]) if max == usize::MAX => Outside::None,
            Some([a]) if max == usize::MAX => Outside::One(*a),
            Some([a, b]) if max == usize::MAX => Outside::Two(*a, *b),
            Some([a, b, c]) if max == usize::MAX => Outside::Three(*a, *b, *c),
            _ => Outside::Many,
        };
        self.push(Kind::Run(Run { set, outside, min, max, group, other_ways }), next)
    }

    fn lazy(&mut self, set: Set, min: usize, next: usize, follow: &First) -> Option<usize> {
        // It ends at once.
        if follow.any {
            return None;
        }
        let set = self.exact(set);
        let other_ways = follow.meets(&set);
        self.forks += usize::from(other_ways);
        if let Some(literal) = self.literal_at(next) {
            return self.push(Kind::Until { set, min, literal, other_ways }, next);
        }
        let (stop, end) = (follow.bytes.clone(), follow.end);
        if stop.has_high() {
            return None;
        }
        self.push(Kind::UntilOne { set, min, stop, end, other_ways }, next)
    }

    /// The bytes with which the steps from there on begin.
    fn literal_at(&self, mut next: usize) -> Option<Box<[u8]>> {
        loop {
            let step = self.steps.get(next)?;
            match &step.kind {
                Kind::Save(_) => next = step.next,
                Kind::Byte(byte) => return Some([*byte].into()),
                Kind::Literal(literal) => return Some(literal.clone()),
                _ => return None,
            }
        }
    }

    /// A fork, the preferred way first.
    fn choice(&mut self, ways: &[(First, usize)]) -> Option<Kind> {
        if ways.len() >= usize::from(NO_WAY) {
            return None;
        }
        let mut forks = false;
        let mut way = |fits: &dyn Fn(&First) -> bool| {
            let mut fitting = (0..NO_WAY).zip(ways).filter(|(_, (first, _))| fits(first));
            let Some((number, _)) = fitting.next() else { return NO_WAY };
            let others = fitting.next().is_some();
            forks |= others;
            if others { number | OTHER_WAYS } else { number }
        };
        let mut by_byte = [NO_WAY; 256];
        for (byte, slot) in (0..=u8::MAX).zip(by_byte.iter_mut()) {
            *slot = way(&|first| first.any || first.bytes.has(byte));
        }
        let at_end = way(&|first| first.any || first.end);
        self.forks += usize::from(forks);
        let targets = ways.iter().map(|(_, target)| *target).collect();
        Some(Kind::Choice(Box::new(Choice { by_byte, at_end, targets })))
    }

    /// The block of an expression without groups and without looks around.
    fn block(&mut self, hir: &Hir, follow: &First) -> Option<Block> {
        let properties = hir.properties();
        if properties.explicit_captures_len() > 0 || !properties.look_set().is_empty() {
            return None;
        }
        let set = alphabet(hir)?;
        if follow.meets(&set) {
            return None;
        }
        let nfa = NFA::compiler()
            .configure(
                NFA::config().which_captures(WhichCaptures::None).nfa_size_limit(Some(MOST_BUILT)),
            )
            .build_from_hir(hir)
            .ok()?;
        let config = DFA::config()
            .match_kind(MatchKind::All)
            .cache_capacity(MOST_BUILT)
            .minimum_cache_clear_count(Some(2));
        let automaton = DFA::builder().configure(config).build_from_nfa(nfa).ok()?;
        self.caches.push(automaton.create_cache());
        Some(Block { set, automaton, cache: self.caches.len() - 1 })
    }
}

/// What characters a repetition takes and how many bytes of them; `None` where it is not of single
/// characters, or counts such as have several bytes.
fn of_characters(repetition: &Repetition) -> Option<(Set, (usize, usize))> {
    let Repetition { min, max, greedy, sub } = repetition;
    let HirKind::Class(class) = sub.kind() else { return None };
    let set = Set::exact(class)?;
    let counts = set.has_high() && (max.is_some() || *min > 1);
    if counts || (!greedy && max.is_some()) {
        return None;
    }
    let max = max.map_or(Some(usize::MAX), |max| usize::try_from(max).ok())?;
    Some((set, (usize::try_from(*min).ok()?, max)))
}
