//! Waiting until something happens in some folders: inotify where the system has it, a short sleep
//! elsewhere and for file systems that tell nothing. Uses nothing of the project. Not hot.

use std::path::PathBuf;
use std::time::Duration;

/// The longest wait: what the system did not tell is found then.
pub(super) const POLL: Duration = Duration::from_millis(500);

/// The same where the system tells nothing at all.
const BLIND: Duration = Duration::from_millis(100);

#[cfg(target_os = "linux")]
mod system {
    use std::mem::MaybeUninit;
    use std::os::fd::OwnedFd;
    use std::path::Path;
    use std::time::Duration;

    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::fs::inotify::{CreateFlags, Reader, WatchFlags, add_watch, init};

    /// inotify.
    #[derive(Debug)]
    pub(super) struct Events(OwnedFd);

    impl Events {
        pub(super) fn new() -> Option<Self> {
            init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).ok().map(Self)
        }

        pub(super) fn add(&self, folder: &Path) -> bool {
            let flags = WatchFlags::MODIFY
                | WatchFlags::CREATE
                | WatchFlags::MOVED_TO
                | WatchFlags::MOVED_FROM
                | WatchFlags::DELETE
                | WatchFlags::CLOSE_WRITE;
            add_watch(&self.0, folder, flags).is_ok()
        }

        /// Waits; takes all events that are there, for one look finds everything they tell of.
        pub(super) fn wait(&self, patience: Duration) {
            let timeout = Timespec {
                tv_sec: i64::try_from(patience.as_secs()).unwrap_or(1),
                tv_nsec: patience.subsec_nanos().into(),
            };
            let mut descriptors = [PollFd::new(&self.0, PollFlags::IN)];
            if poll(&mut descriptors, Some(&timeout)).is_ok_and(|ready| ready > 0) {
                let mut room = [MaybeUninit::uninit(); 16 << 10];
                let mut reader = Reader::new(&self.0, &mut room);
                while reader.next().is_ok() {}
            }
        }
    }
}

/// Folders that are watched.
#[derive(Debug)]
pub(super) struct Notify {
    #[cfg(target_os = "linux")]
    events: Option<system::Events>,
    /// Whether there is a folder that cannot be watched.
    blind: bool,
}

impl Notify {
    /// Watches nothing yet.
    pub(super) fn new() -> Self {
        #[cfg(target_os = "linux")]
        let events = system::Events::new();
        #[cfg(target_os = "linux")]
        return Self { blind: events.is_none(), events };
        #[cfg(not(target_os = "linux"))]
        Self { blind: true }
    }

    /// Watches folders; doing so again changes nothing.
    pub(super) fn watch(&mut self, folders: &[PathBuf]) {
        #[cfg(target_os = "linux")]
        if let Some(events) = &self.events {
            self.blind = !folders.iter().all(|folder| events.add(folder));
        }
        #[cfg(not(target_os = "linux"))]
        let _ = folders;
    }

    /// Waits until something may have happened.
    pub(super) fn wait(&self) {
        let patience = if self.blind { BLIND } else { POLL };
        #[cfg(target_os = "linux")]
        if let Some(events) = &self.events {
            return events.wait(patience);
        }
        std::thread::sleep(patience);
    }
}
