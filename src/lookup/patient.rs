//! A store that is gone for a while: asked again with growing pauses, and people hear of it once.
//! Uses `error`. Not hot: once a batch of keys.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::{Answer, Question, Store};
use crate::error::{Error, Kind, Result};
use crate::ums::Field;

/// The first pause, and the longest one.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(5)];
/// How long a signal may go unheard.
const LISTEN: Duration = Duration::from_millis(50);

/// A store with somebody who asks it again.
pub struct Patient {
    store: Box<dyn Store>,
    /// How long it may be gone.
    patience: Duration,
    /// A wish to stop.
    stop: Arc<AtomicBool>,
    /// Says something to people.
    note: Box<dyn Fn(&str) + Send>,
}

impl fmt::Debug for Patient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Patient").field(&self.store).finish()
    }
}

impl Patient {
    /// Asks for at most so long.
    pub fn new(
        store: Box<dyn Store>,
        patience: Duration,
        stop: Arc<AtomicBool>,
        note: Box<dyn Fn(&str) + Send>,
    ) -> Self {
        Self { store, patience, stop, note }
    }

    fn asking<T>(&mut self, ask: impl Fn(&mut dyn Store) -> Result<T>) -> Result<T> {
        let begun = Instant::now();
        let (mut pause, mut told) = (PAUSES[0], false);
        let mut first = true;
        loop {
            let error = match ask(self.store.as_mut()) {
                Ok(answer) => {
                    if told {
                        (self.note)("the lookup's store answers again");
                    }
                    return Ok(answer);
                }
                Err(error) if error.kind() != Kind::Unreachable => return Err(error),
                Err(error) => error,
            };
            // A connection that was idle for too long: a new one is nothing to speak of.
            if std::mem::take(&mut first) {
                continue;
            }
            if begun.elapsed() >= self.patience || self.stop.load(Ordering::Relaxed) {
                return Err(error);
            }
            if !told {
                (self.note)(&format!(
                    "{error}; asking again for up to {} s",
                    self.patience.as_secs()
                ));
                told = true;
            }
            self.pause(pause.min(self.patience.saturating_sub(begun.elapsed())))?;
            pause = (pause * 2).min(PAUSES[1]);
        }
    }

    fn pause(&self, length: Duration) -> Result<()> {
        let end = Instant::now() + length;
        while Instant::now() < end {
            if self.stop.load(Ordering::Relaxed) {
                return Err(Error::unreachable("stopped while the lookup's store did not answer"));
            }
            std::thread::sleep(LISTEN.min(end.saturating_duration_since(Instant::now())));
        }
        Ok(())
    }
}

impl Store for Patient {
    fn columns(&self) -> &[String] {
        self.store.columns()
    }

    fn fields(&mut self) -> Result<Arc<[Field]>> {
        self.asking(|store| store.fields())
    }

    fn find(&mut self, question: &Question) -> Result<Answer> {
        self.asking(|store| store.find(question))
    }

    fn most(&self) -> usize {
        self.store.most()
    }

    fn describe(&mut self) -> Result<String> {
        self.store.describe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// Fails so often, then answers.
    #[derive(Debug)]
    struct Failing(usize, Kind);

    impl Store for Failing {
        fn columns(&self) -> &[String] {
            &[]
        }
        fn fields(&mut self) -> Result<Arc<[Field]>> {
            match self.0.checked_sub(1) {
                None => Ok(Arc::from([])),
                Some(rest) => {
                    self.0 = rest;
                    Err(Error::new(self.1, "gone"))
                }
            }
        }
        fn find(&mut self, _: &Question) -> Result<Answer> {
            Ok(Answer { fields: self.fields()?, rows: Vec::new() })
        }
        fn most(&self) -> usize {
            1
        }
        fn describe(&mut self) -> Result<String> {
            Ok(String::new())
        }
    }

    fn ask(failing: Failing, patience: Duration) -> (Result<Answer>, Vec<String>) {
        let said: Arc<Mutex<Vec<String>>> = Arc::default();
        let tell = Arc::clone(&said);
        let note = Box::new(move |text: &str| tell.lock().unwrap().push(text.to_owned()));
        let mut patient = Patient::new(Box::new(failing), patience, Arc::default(), note);
        let answer = patient.find(&Question { types: &[], keys: &[] });
        drop(patient);
        (answer, Arc::try_unwrap(said).unwrap().into_inner().unwrap())
    }

    #[test]
    fn what_may_pass_is_waited_for_and_told_once() {
        let long = Duration::from_secs(30);
        let (answer, said) = ask(Failing(1, Kind::Unreachable), long);
        assert!(answer.is_ok() && said.is_empty(), "a connection that was closed: {said:?}");
        let (answer, said) = ask(Failing(4, Kind::Unreachable), long);
        assert!(answer.is_ok());
        assert_eq!(said.len(), 2, "{said:?}");
        let (answer, said) = ask(Failing(9, Kind::Unreachable), Duration::ZERO);
        assert_eq!((answer.unwrap_err().kind(), said.len()), (Kind::Unreachable, 0));
        let (answer, _) = ask(Failing(1, Kind::Refused), long);
        assert_eq!(answer.unwrap_err().kind(), Kind::Refused);
    }
}
