//! One path over the files that stand there one after the other: which is read, and which comes next.
//! Uses `endpoint::{lines, follow}`, `error`. Warm: once a chunk.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use memchr::memchr;
use serde_json::{Map, Value};

use super::find::{Found, Inode, generations};
use super::generation::{Gave, Generation, HEAD};
use super::{Context, Start};
use crate::endpoint::lines::{At, Chunk, Come, Part, Print};
use crate::error::{Error, Result};
use crate::ums::hash::{Fnv1a, fnv1a};

/// How long a file that was rotated away is looked at for lines of a writer that still has it open.
const LATE: Duration = Duration::from_secs(60);

/// How long a begun line of a file that was rotated away waits for its end.
const BEGUN: Duration = Duration::from_secs(1);

/// A copy that was written to within this time, in microseconds, may not be whole.
const COPY: i64 = 1_000_000;

/// How often to look again while files are being renamed.
const LOOKS: usize = 20;

/// A file changed last so long ago is not written to any more.
const OLD: i64 = 5_000_000;

/// A file being read, and what positions call it; nothing before its first line is whole.
struct Reading {
    file: Generation,
    part: Option<Arc<Part>>,
    /// The first line that it had when it was found: another one means that it was copied and cut since.
    expected: Option<Print>,
    /// What it has become since, packed: found once, for that is costly, and held open, so that no
    /// other file gets its inode.
    became: Option<Generation>,
}

impl Reading {
    fn new(file: Generation, part: Option<Arc<Part>>) -> Self {
        Self { file, part, expected: None, became: None }
    }

    fn at(&self) -> Option<At> {
        let part = Arc::clone(self.part.as_ref()?);
        Some(At { part, at: self.file.at, before: self.file.before() })
    }
}

/// A path.
pub(super) struct Stream {
    path: PathBuf,
    front: Option<Reading>,
    /// Read to their ends and rotated away, and until when they are looked at.
    late: Vec<(Reading, Instant)>,
    start: Start,
    /// Files that are not read: those rotated away before the beginning.
    passed: Vec<Inode>,
    /// The tag of the newest file.
    tag: u64,
    /// The part before the one that begins.
    after: Option<u32>,
}

impl Stream {
    /// A path that no position names.
    pub(super) fn new(path: PathBuf, start: Start) -> Self {
        let tag = fnv1a(path.as_os_str().as_encoded_bytes());
        Self { path, front: None, late: Vec::new(), start, passed: Vec::new(), tag, after: None }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Where its files are.
    pub(super) fn places(&self) -> impl Iterator<Item = At> {
        self.late.iter().map(|(late, _)| late).chain(&self.front).filter_map(Reading::at)
    }

    /// Finds the files of a position again, and goes on there.
    ///
    /// # Errors
    /// `Refused` where the newest of them is gone while others stand there, for then lines are missing.
    pub(super) fn resume(
        &mut self,
        entries: &[&Map<String, Value>],
        context: &mut Context,
    ) -> Result<()> {
        if !entries.is_empty() {
            self.start = Start::Earliest;
        }
        let mut list = self.list()?;
        for (number, entry) in entries.iter().enumerate() {
            let newest = number + 1 == entries.len();
            let known = Known::read(entry).ok_or_else(|| {
                Error::refused(format!("the position of {} is damaged", self.path.display()))
                    .advise("remove the checkpoint to begin anew, with --start")
            })?;
            if newest {
                self.tag = known.tag;
            }
            let about = entry.iter().filter(|(key, _)| !matches!(key.as_str(), "at" | "before"));
            let about = about.map(|(key, value)| (key.clone(), value.clone())).collect();
            let mut found = locate(&list, &known)?;
            // A rotation may be going on, in which a file is nowhere for a moment.
            for _ in 0..LOOKS {
                if found.is_some() || !newest || list.is_empty() {
                    break;
                }
                std::thread::sleep(Duration::from_millis(50));
                list = self.list()?;
                found = locate(&list, &known)?;
            }
            match (found, newest) {
                (Some(file), _) => {
                    let part = self.part(known.tag, about, context);
                    let reading = Reading::new(file, Some(part));
                    match newest {
                        true => self.front = Some(reading),
                        false => self.late.push((reading, Instant::now() + LATE)),
                    }
                }
                // It was read to its end when the next one was begun.
                (None, false) => {}
                (None, true) if list.is_empty() => context.note(format!(
                    "{}: is gone; what was written to it behind byte {} has not been read",
                    self.path.display(),
                    known.at
                )),
                (None, true) => {
                    let text = format!(
                        "{}: the file that was read up to byte {} is gone, and lines may be missing",
                        self.path.display(),
                        known.at
                    );
                    if !context.gaps {
                        return Err(Error::refused(text).advise(
                            "bring it back, or say --gaps to go on with the oldest file that is there",
                        ));
                    }
                    context.note(text);
                }
            }
        }
        Ok(())
    }

    /// Opens its first file, if a position has not said where it is.
    pub(super) fn open(&mut self, context: &mut Context) -> Result<()> {
        if self.front.is_none() {
            self.begin(context)?;
        }
        Ok(())
    }

    /// The part whose last record is whole although another line may come: nobody has written for long.
    pub(super) fn at_rest(&self) -> Option<u32> {
        let front = self.front.as_ref()?;
        is_old(&front.file).then_some(front.part.as_ref()?.number)
    }

    /// What comes next; `None` when there is nothing for now.
    pub(super) fn read(&mut self, context: &mut Context) -> Result<Option<Come>> {
        if let Some(come) = self.read_late(context)? {
            return Ok(Some(come));
        }
        // Each turn reads, or goes on to another file; a file that is not left gives nothing.
        loop {
            let Some(front) = &mut self.front else {
                match self.begin(context)? {
                    true => continue,
                    false => return Ok(None),
                }
            };
            match front.file.read(context.max_line)? {
                Gave::Lines { bytes, from } => {
                    if let Some(come) = self.lines(bytes, from, context) {
                        return Ok(Some(come));
                    }
                }
                Gave::Changed => {
                    if let Some(come) = self.changed(context)? {
                        return Ok(Some(come));
                    }
                }
                Gave::Nothing => match self.next_file(context)? {
                    Next::Stay => return Ok(None),
                    Next::Lines(come) => return Ok(Some(come)),
                    Next::Other => {}
                },
            }
        }
    }

    fn read_late(&mut self, context: &mut Context) -> Result<Option<Come>> {
        // Before the next file has begun, a record may go on from the one before to it.
        if self.front.as_ref().is_some_and(|front| front.part.is_none()) {
            return Ok(None);
        }
        for number in 0..self.late.len() {
            let Some((late, until)) = self.late.get_mut(number) else { break };
            let Some(part) = late.part.clone() else { continue };
            let over = Instant::now() >= *until;
            match late.file.read(context.max_line)? {
                Gave::Lines { bytes, from } => {
                    let to = late.file.at;
                    let near = late.file.changed();
                    return Ok(Some(chunk(part, bytes, from, to, near, None)));
                }
                Gave::Nothing if !over => {}
                Gave::Nothing | Gave::Changed => {
                    if let Some((mut rest, from)) = late.file.rest() {
                        rest.push(b'\n');
                        let (to, near) = (late.file.at, late.file.changed());
                        return Ok(Some(chunk(part, rest, from, to, near, None)));
                    }
                    self.late.remove(number);
                    return Ok(Some(Come::Gone(part.number)));
                }
            }
        }
        Ok(None)
    }

    fn list(&self) -> Result<Vec<Found>> {
        generations(&self.path).map_err(|error| Error::io(self.path.display(), error))
    }

    /// Opens the first file; false when there is none.
    fn begin(&mut self, context: &mut Context) -> Result<bool> {
        let list = self.list()?;
        let start = std::mem::replace(&mut self.start, Start::Earliest);
        if start != Start::Earliest {
            self.passed =
                list.iter().filter(|one| !one.is_current()).map(|one| one.inode).collect();
        }
        for found in &list {
            if self.passed.contains(&found.inode) {
                continue;
            }
            if is_being_copied(&list, found)? {
                self.start = start;
                return Ok(false);
            }
            let Some(mut file) = Generation::open(&found.path, found.is_current())? else {
                continue;
            };
            if start == Start::Latest {
                file.skip_to_end()?;
            }
            let mut reading = Reading::new(file, None);
            if reading.file.at > 0
                && let Some(head) = Generation::head(&found.path)?
            {
                reading.part = Some(self.new_part(head, reading.file.inode, context));
            }
            self.front = Some(reading);
            return Ok(true);
        }
        Ok(false)
    }

    /// Lines of the file at the front. `None` where it is not the file that was found: then the one before
    /// is at the front again, and what came after it is looked up anew.
    fn lines(&mut self, bytes: Vec<u8>, from: u64, context: &mut Context) -> Option<Come> {
        let front = self.front.as_ref()?;
        let (to, near, inode) = (front.file.at, front.file.changed(), front.file.inode);
        let part = match &front.part {
            Some(part) => Arc::clone(part),
            None => {
                let end = memchr(b'\n', &bytes).map_or(bytes.len(), |end| end + 1).min(HEAD);
                let head = Print::of(bytes.get(..end).unwrap_or_default());
                if front.expected.is_some_and(|expected| expected != head) {
                    let before = self.late.pop_if(|(late, _)| {
                        late.part.as_ref().is_some_and(|part| Some(part.number) == self.after)
                    });
                    self.front = before.map(|(before, _)| before);
                    self.after = None;
                    return None;
                }
                let part = self.new_part(head, inode, context);
                if let Some(front) = &mut self.front {
                    front.part = Some(Arc::clone(&part));
                }
                part
            }
        };
        Some(chunk(part, bytes, from, to, near, self.after.take()))
    }

    /// A part for a file that no position names yet. Its tag comes from that of the file before: two
    /// files that begin alike differ.
    fn new_part(&mut self, head: Print, inode: Inode, context: &mut Context) -> Arc<Part> {
        self.tag = Fnv1a::seeded(self.tag).and(&head.hash.to_be_bytes()).finish();
        let mut about = Map::new();
        about.insert("path".into(), self.path.display().to_string().into());
        about.insert("file".into(), format!("{}:{}", inode.0, inode.1).into());
        about.insert("head".into(), head.to_json());
        about.insert("tag".into(), format!("{:016x}", self.tag).into());
        self.part(self.tag, about, context)
    }

    fn part(&self, tag: u64, about: Map<String, Value>, context: &mut Context) -> Arc<Part> {
        context.number = context.number.wrapping_add(1);
        let name = self.path.display().to_string().into();
        Arc::new(Part { number: context.number, name, tag, about })
    }

    /// The file at the front is not what it was: it was copied and cut, and the copy has the rest; or it
    /// was cut, and the rest is gone.
    fn changed(&mut self, context: &mut Context) -> Result<Option<Come>> {
        let Some(mut front) = self.front.take() else { return Ok(None) };
        let place = front.at().and_then(|at| {
            Known::read(&front.part.as_ref()?.about.clone()).map(|known| Known {
                at: at.at,
                before: at.before,
                ..known
            })
        });
        if let Some(known) = place {
            let mut list = self.list()?;
            list.retain(|one| one.inode != front.file.inode);
            let known = Known { inode: None, ..known };
            if let Some(file) = locate(&list, &known)? {
                self.front = Some(Reading::new(file, front.part));
                return Ok(None);
            }
        }
        self.start = Start::Current;
        context.note(format!(
            "{}: was cut short behind byte {}, and no copy of it is here; what had been written and not \
             read is gone",
            self.path.display(),
            front.file.at
        ));
        let near = front.file.changed();
        if let Some(part) = front.part {
            context.queue.push_back(Come::Gone(part.number));
            if let Some((mut rest, from)) = front.file.rest() {
                rest.push(b'\n');
                let to = front.file.at;
                return Ok(Some(chunk(part, rest, from, to, near, self.after.take())));
            }
        }
        Ok(context.queue.pop_front())
    }

    /// The file at the front has nothing more: it is still written to, or another has taken its place.
    fn next_file(&mut self, context: &mut Context) -> Result<Next> {
        let Some(front) = &mut self.front else { return Ok(Next::Stay) };
        if front.file.is_current {
            let same = std::fs::metadata(&self.path)
                .is_ok_and(|about| (about.dev(), about.ino()) == front.file.inode);
            if same {
                return Ok(Next::Stay);
            }
            front.file.is_current = false;
        }
        let Some(next) = self.newer()? else { return Ok(Next::Stay) };
        let Some(front) = &mut self.front else { return Ok(Next::Stay) };
        if front.file.has_begun() {
            let over = front.file.is_packed() || is_old(&front.file) || !context.endless;
            if !over && front.file.quiet.is_some_and(|since| since.elapsed() < BEGUN) {
                return Ok(Next::Stay);
            }
            if let Some((mut rest, from)) = front.file.rest() {
                rest.push(b'\n');
                return Ok(self.lines(rest, from, context).map_or(Next::Other, Next::Lines));
            }
        }
        let over = front.file.is_packed() || !context.endless;
        let until = if over { Instant::now() } else { Instant::now() + LATE };
        if let Some(before) = self.front.replace(next)
            && let Some(part) = &before.part
        {
            self.after = Some(part.number);
            self.late.push((before, until));
        }
        Ok(Next::Other)
    }

    /// The file that came after the one at the front, if there is a whole line in it, or if it was
    /// rotated away itself.
    fn newer(&mut self) -> Result<Option<Reading>> {
        for _ in 0..LOOKS {
            match self.newer_now()? {
                Newer::Renamed => std::thread::sleep(Duration::from_millis(1)),
                Newer::None => return Ok(None),
                Newer::Some(file) => return Ok(Some(*file)),
            }
        }
        Ok(None)
    }

    fn newer_now(&mut self) -> Result<Newer> {
        let list = self.list()?;
        let Some(front) = &mut self.front else { return Ok(Newer::None) };
        let own = front.file.inode;
        let became = front.became.as_ref().map(|file| file.inode);
        let mut place = list.iter().position(|one| one.inode == own || Some(one.inode) == became);
        if place.is_none()
            && let Some(part) = &front.part
            && let Some(known) = Known::read(&part.about)
        {
            // It may have been packed since.
            let known =
                Known { inode: None, at: front.file.at, before: front.file.before(), ..known };
            if let Some(file) = locate(&list, &known)? {
                place = list.iter().position(|one| one.inode == file.inode);
                front.became = Some(file);
            }
        }
        let changed = front.file.changed();
        for (number, found) in list.iter().enumerate() {
            let is_newer = match place {
                Some(place) => number > place,
                None => found.is_current() || found.changed_micros() > changed,
            };
            if !is_newer {
                continue;
            }
            let head = Generation::head(&found.path)?;
            // Until it has a line, the one before may still be written to.
            if found.is_current() && head.is_none() || is_being_copied(&list, found)? {
                return Ok(Newer::None);
            }
            match Generation::open(&found.path, found.is_current())? {
                Some(file) if file.inode != found.inode => return Ok(Newer::Renamed),
                Some(file) if found.is_current() || !file.is_empty() => {
                    let reading = Reading { expected: head, ..Reading::new(file, None) };
                    return Ok(Newer::Some(Box::new(reading)));
                }
                Some(_) => {}
                None => return Ok(Newer::Renamed),
            }
        }
        Ok(Newer::None)
    }
}

/// Whether a file may be a copy of the one that is written to, which is not cut yet: it would be read
/// twice. A moment later it is told.
fn is_being_copied(list: &[Found], found: &Found) -> Result<bool> {
    let Some(current) = list.last().filter(|one| one.is_current()) else { return Ok(false) };
    if found.is_current() || now().saturating_sub(found.changed_micros()) > COPY {
        return Ok(false);
    }
    let own = Generation::head(&found.path)?;
    Ok(own.is_some() && own == Generation::head(&current.path)?)
}

enum Newer {
    None,
    Some(Box<Reading>),
    /// Somebody renames: look again.
    Renamed,
}

enum Next {
    Stay,
    Other,
    Lines(Come),
}

fn is_old(file: &Generation) -> bool {
    now().saturating_sub(file.changed()) > OLD
}

/// In microseconds since 1970.
fn now() -> i64 {
    let since =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

fn chunk(
    part: Arc<Part>,
    bytes: Vec<u8>,
    from: u64,
    to: u64,
    near: i64,
    after: Option<u32>,
) -> Come {
    let taken = to.saturating_sub(from);
    Come::Lines(Chunk { part, bytes, first_line: 0, from, to, taken, near, after })
}

/// What a position says of a file.
struct Known {
    inode: Option<Inode>,
    head: Print,
    tag: u64,
    at: u64,
    before: Print,
}

impl Known {
    fn read(entry: &Map<String, Value>) -> Option<Self> {
        let (device, inode) = entry.get("file")?.as_str()?.split_once(':')?;
        Some(Self {
            inode: Some((device.parse().ok()?, inode.parse().ok()?)),
            head: Print::from_json(entry.get("head")?)?,
            tag: u64::from_str_radix(entry.get("tag")?.as_str()?, 16).ok()?,
            at: entry.get("at").map_or(Some(0), Value::as_u64)?,
            before: entry.get("before").map_or(Some(Print::default()), Print::from_json)?,
        })
    }
}

/// The file that was that one, at the place where it was: by its inode first, and always by what it
/// holds, for an inode is used again and a copy or a packed file has another.
fn locate(list: &[Found], known: &Known) -> Result<Option<Generation>> {
    let own = |found: &&Found| Some(found.inode) == known.inode;
    let others = list.iter().rev().filter(|found| !own(found));
    for found in list.iter().filter(own).chain(others) {
        let opened = Generation::open_at(
            &found.path,
            found.is_current(),
            known.head,
            known.at,
            known.before,
        );
        match opened {
            Ok(Some(file)) => return Ok(Some(file)),
            Ok(None) => {}
            // Another file that is damaged, or still being packed, is not that one.
            Err(error) if error.kind() == crate::error::Kind::Data => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}
