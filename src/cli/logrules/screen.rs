//! What `--watch` shows: one record of the sample at one operator, as lines of a terminal. Uses `rule` and
//! `cli::logrules::trace`. Not hot.

use super::trace;
use crate::flow::rules::Masked;
use crate::rule::cells::Names;
use crate::rule::engine::End;
use crate::rule::{Engine, Made, Row, Rules, Watch, Work};

/// A record of the sample: its line, counted from 1, and its bytes.
type Record = (u64, Vec<u8>);

/// One operator at work on the record, or how a group ended, or what came out.
#[derive(Debug, Default)]
struct Step {
    title: String,
    lines: Vec<String>,
}

/// What a key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Next,
    Previous,
    First,
    Last,
    /// The next record that no table takes.
    Unknown,
    Right,
    Left,
    PageDown,
    PageUp,
    Quit,
}

/// Rules and their masks.
pub(super) type Looked = (Rules, Option<Masked>);

/// What is looked at.
pub(super) struct View {
    names: (String, String),
    engine: Result<(Engine, Option<Masked>), String>,
    sample: Vec<u8>,
    near: i64,
    records: Vec<Record>,
    steps: Vec<Step>,
    record: usize,
    step: usize,
    scroll: usize,
}

impl View {
    /// Looks at the first record; `names` are those of the rules and of the sample.
    pub(super) fn new(
        names: (String, String),
        rules: Result<Looked, String>,
        sample: Vec<u8>,
        near: i64,
    ) -> Self {
        let (records, steps) = (Vec::new(), Vec::new());
        let engine = Err(String::new());
        let mut view =
            Self { names, engine, sample, near, records, steps, record: 0, step: 0, scroll: 0 };
        view.set_rules(rules);
        view
    }

    /// The rules have been saved: the same record and operator are shown again.
    pub(super) fn set_rules(&mut self, rules: Result<Looked, String>) {
        self.engine = rules.map(|(rules, masked)| (Engine::new(rules), masked));
        self.cut();
    }

    /// The sample has been saved.
    pub(super) fn set_sample(&mut self, sample: Vec<u8>, near: i64) {
        (self.sample, self.near) = (sample, near);
        self.cut();
    }

    fn cut(&mut self) {
        // While the rules are wrong, the records stay as they were.
        if let Ok((engine, _)) = &mut self.engine {
            engine.set_near(self.near);
            let lines = engine.rules().lines.clone();
            self.records.clear();
            let records = &mut self.records;
            lines.records(&self.sample, |record, line| records.push((line + 1, record.to_vec())));
        }
        self.look();
    }

    /// Works on the record.
    fn look(&mut self) {
        self.record = self.record.min(self.records.len().saturating_sub(1));
        self.steps.clear();
        if let (Ok((engine, masked)), Some((_, record))) =
            (&mut self.engine, self.records.get(self.record))
        {
            self.steps = steps(engine, masked, record);
            // Only now: while the rules are wrong, the place is kept.
            self.step = self.step.min(self.steps.len().saturating_sub(1));
        }
    }

    /// Does what a key asks for; false to end.
    pub(super) fn press(&mut self, key: Key) -> bool {
        let last = self.records.len().saturating_sub(1);
        let before = self.record;
        match key {
            Key::Quit => return false,
            Key::Next => self.record = (self.record + 1).min(last),
            Key::Previous => self.record = self.record.saturating_sub(1),
            Key::First => self.record = 0,
            Key::Last => self.record = last,
            Key::Unknown => self.record = self.next_unknown().unwrap_or(self.record),
            Key::Right => self.step = (self.step + 1).min(self.steps.len().saturating_sub(1)),
            Key::Left => self.step = self.step.saturating_sub(1),
            Key::PageDown => self.scroll = self.scroll.saturating_add(10),
            Key::PageUp => self.scroll = self.scroll.saturating_sub(10),
        }
        if !matches!(key, Key::PageDown | Key::PageUp) {
            self.scroll = 0;
        }
        if self.record != before {
            self.look();
        }
        true
    }

    fn next_unknown(&mut self) -> Option<usize> {
        let Ok((engine, _)) = &mut self.engine else { return None };
        let behind = self.records.iter().enumerate().skip(self.record + 1);
        let mut around = behind.chain(self.records.iter().enumerate().take(self.record));
        around.find_map(|(number, (_, record))| {
            let mut made = Made::default();
            let taken = engine.take(record, &mut made, &mut ());
            let unknown = made.rows.iter().any(|row| row.to == crate::rule::engine::To::Unknown);
            (taken.is_err() || unknown).then_some(number)
        })
    }

    /// The lines of the screen, top to bottom, none longer than it is wide.
    pub(super) fn draw(&self, wide: usize, high: usize) -> Vec<String> {
        let (rules, sample) = &self.names;
        let mut lines = Vec::new();
        let count = self.records.len();
        match self.records.get(self.record) {
            Some((line, _)) => lines
                .push(format!("{rules}   {sample}:{line}   record {} of {count}", self.record + 1)),
            None => lines.push(format!("{rules}   {sample}   no records")),
        }
        lines.push(String::new());
        match (&self.engine, self.records.get(self.record)) {
            (Err(error), _) => {
                // What to do about it stands at the end: nothing is cut off.
                let letters: Vec<char> = trace::shown(error).chars().collect();
                lines.push("the rules are wrong:".into());
                lines.extend(letters.chunks(wide.max(1)).map(|part| part.iter().collect()));
            }
            (Ok(_), None) => {}
            (Ok((_, masked)), Some((_, record))) => {
                lines.push(match masked {
                    Some(_) => trace::length(record.len()),
                    None => trace::shown(&String::from_utf8_lossy(record)),
                });
                lines.push(String::new());
                let from = self.step.saturating_sub(high.saturating_sub(12) / 2);
                for (number, step) in
                    self.steps.iter().enumerate().skip(from).take(high.max(16) / 2)
                {
                    let sign = if number == self.step { '>' } else { ' ' };
                    lines.push(format!("{sign} {}", step.title));
                }
                lines.push(String::new());
                if let Some(step) = self.steps.get(self.step) {
                    let most = step.lines.len().saturating_sub(1);
                    lines.extend(step.lines.iter().skip(self.scroll.min(most)).cloned());
                }
            }
        }
        lines.truncate(high.saturating_sub(1));
        while lines.len() + 1 < high {
            lines.push(String::new());
        }
        lines.push(
            "down/up record   right/left operator   u unmatched   PgDn/PgUp scroll   q quit".into(),
        );
        let cut = |line: String| line.chars().take(wide).collect();
        lines.into_iter().map(cut).collect()
    }
}

/// A record through all groups.
fn steps(engine: &mut Engine, masked: &mut Option<Masked>, record: &[u8]) -> Vec<Step> {
    let mut made = Made::default();
    let mut watch = Steps { hidden: masked.is_some(), ..Steps::default() };
    let taken = engine
        .take(record, &mut made, &mut watch)
        .and_then(|()| masked.as_mut().map_or(Ok(()), |masked| masked.apply(&mut made)));
    if taken.is_err() && masked.is_some() {
        made.clear();
    }
    let mut text = String::new();
    trace::rows(engine, &made, &mut text);
    let mut lines: Vec<String> = text.lines().map(ToOwned::to_owned).collect();
    if let Err(error) = taken {
        lines.push(error.to_string());
    }
    watch.steps.push(Step { title: "rows".into(), lines });
    watch.steps
}

#[derive(Default)]
struct Steps {
    /// Whether cells are hidden.
    hidden: bool,
    steps: Vec<Step>,
    group: String,
    before: Vec<String>,
}

impl Watch for Steps {
    fn begin(&mut self, table: &str, group: &str) {
        self.group = format!("{table}.{group}");
        self.before.clear();
    }

    fn rows(&mut self, number: usize, operator: &str, rows: &[Row], work: &Work, names: &Names) {
        let lines = trace::cells(rows, work, names, self.hidden);
        // What the operator has changed is seen at a glance.
        let marked = lines.iter().map(|line| {
            let sign = if self.before.contains(line) { ' ' } else { '+' };
            format!("{sign} {line}")
        });
        let lines_marked = marked.collect();
        self.before = lines;
        let title = format!("{}  {number} {operator}", self.group);
        self.steps.push(Step { title, lines: lines_marked });
    }

    fn end(&mut self, end: End) {
        let (title, lines) = (format!("{}  {}", self.group, trace::ending(end)), Vec::new());
        self.steps.push(Step { title, lines });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = r#"
source = "s"
[[table]]
name = "t"
[[table.group]]
name = "g"
operators = [
    { op = "split", cells = 0, text = "|", names = ["a", "b"] },
    { op = "trim", cells = "b" },
    { op = "filter", cells = "b", contains = "x" },
    { op = "saveAs", columns = [{ name = "a", type = "int" }, { name = "b", type = "string" }] },
]
"#;

    fn parsed(text: &str) -> Result<Looked, String> {
        let rules = Rules::parse(text, "r.toml").map_err(|error| error.to_string())?;
        Ok((rules, None))
    }

    fn view() -> View {
        let names = ("r.toml".to_owned(), "s.log".to_owned());
        View::new(names, parsed(RULES), b"1| x \n\n2|y\n3|x\x1b[2J\n".to_vec(), 0)
    }

    fn screen(view: &View) -> String {
        view.draw(80, 24).join("\n")
    }

    #[test]
    fn keys_step_through_records_and_operators() {
        let mut view = view();
        let text = screen(&view);
        assert!(text.starts_with("r.toml   s.log:1   record 1 of 3\n\n1| x \n"), "{text}");
        assert!(text.contains("> t.g  1 split\n  t.g  2 trim\n"), "{text}");
        assert!(text.contains("+ 0 a  '1'\n+ 1 b  ' x '\n"), "{text}");
        view.press(Key::Right);
        let text = screen(&view);
        assert!(
            text.contains("> t.g  2 trim") && text.contains("  0 a  '1'\n+ 1 b  'x'"),
            "{text}"
        );
        for _ in 0..9 {
            view.press(Key::Right);
        }
        let text = screen(&view);
        assert!(text.contains("> rows") && text.contains("=> t"), "{text}");
        view.press(Key::Unknown);
        let text = screen(&view);
        assert!(
            text.contains("s.log:3   record 2 of 3") && text.contains("does not match"),
            "{text}"
        );
        view.press(Key::Last);
        let text = screen(&view);
        assert!(text.contains("record 3 of 3") && !text.contains('\u{1b}'), "{text}");
        assert!(!view.press(Key::Quit));
    }

    #[test]
    fn saved_rules_are_shown_at_the_same_place_and_mistakes_too() {
        let mut view = view();
        view.press(Key::Next);
        view.press(Key::Right);
        view.set_rules(parsed("source = 1"));
        let text = screen(&view);
        assert!(text.contains("the rules are wrong:\nr.toml:1: source is a text"), "{text}");
        view.set_rules(parsed(&RULES.replace("\"x\" }", "\"y\" }")));
        let text = screen(&view);
        assert!(text.contains("record 2 of 3") && text.contains("> t.g  2 trim"), "{text}");
        assert!(text.contains("t.g  matches"), "{text}");
        view.set_rules(parsed(&RULES.replace("\"trim\"", "\"trimm\"")));
        let narrow = view.draw(30, 24).concat();
        assert!(narrow.contains("did you mean trim?"), "{narrow}");
        view.set_rules(parsed(RULES));
        view.set_sample(b"".to_vec(), 0);
        assert!(screen(&view).contains("no records"));
    }

    #[test]
    fn lines_fit_the_screen() {
        for (wide, high) in [(1, 1), (10, 3), (80, 24), (300, 100), (0, 0)] {
            let lines = view().draw(wide, high);
            assert!(
                lines.len() <= high.max(1) && lines.iter().all(|line| line.chars().count() <= wide)
            );
        }
    }
}
