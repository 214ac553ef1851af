//! The protocol of Redis (RESP2) over TCP: commands as arrays of texts, replies with limits. Uses
//! `error`, `url`. Warm: once a batch of keys.

use std::io::{BufRead, BufReader, Error as IoError, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use crate::error::{Error, Result};
use crate::url::{self, Secret, Url};

/// The longest text that Redis itself stores.
const LONGEST: usize = 512 << 20;
/// Values in a reply at most: a field for each column, or a value for each key.
const MOST: usize = 100_000;

/// How to reach a server.
#[derive(Debug)]
pub(super) struct Login {
    host: String,
    port: u16,
    user: Option<String>,
    password: Option<Password>,
    database: u32,
    timeouts: [Duration; 2],
    /// The address, for messages.
    pub(super) name: String,
}

#[derive(Clone)]
enum Password {
    Address(Secret),
    Elsewhere(String),
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

impl Login {
    /// Reads the address. A password comes from the address, the password file, `DWS_PASSWORD` or
    /// `REDISCLI_AUTH`, in this order.
    pub(super) fn read(url: &Url, login: &url::Login, warn: &dyn Fn(&str)) -> Result<Self> {
        let authority = url.authority().cloned().ok_or_else(|| {
            Error::usage(format!("{url}: names no host")).advise("write redis://HOST:PORT/0")
        })?;
        let wrong = |what: &str| Error::usage(format!("{url}: {what}"));
        let (host, port) = match authority.hosts.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => {
                (host, port.parse().map_err(|_| wrong("a port is a number up to 65535"))?)
            }
            _ => (authority.hosts.as_str(), 6379),
        };
        let host = if host.is_empty() { "localhost" } else { host.trim_matches(['[', ']']) };
        if authority.password.is_some() {
            warn(
                "a password in a URL shows in the list of processes; --password-file or DWS_PASSWORD \
                 does not",
            );
        }
        let password = match (authority.password, &login.password_file) {
            (Some(password), _) => Some(Password::Address(password)),
            (None, Some(path)) => {
                let text = std::fs::read_to_string(path).map_err(|error| {
                    Error::usage(format!("password file {}: {error}", path.display()))
                })?;
                Some(Password::Elsewhere(text.lines().next().unwrap_or_default().to_owned()))
            }
            (None, None) => (login.lookup)("DWS_PASSWORD")
                .or_else(|| (login.lookup)("REDISCLI_AUTH"))
                .map(Password::Elsewhere),
        };
        let database = match url.path() {
            "" => 0,
            number => number.parse().map_err(|_| wrong("the database is a number"))?,
        };
        let timeout =
            |key, default| url.number(key, default).map(|s| Duration::from_secs(s.max(1)));
        Ok(Self {
            host: host.to_owned(),
            port,
            user: authority.user,
            password,
            database,
            timeouts: [timeout("connect-timeout", 10)?, timeout("read-timeout", 60)?],
            name: url.to_string(),
        })
    }
}

/// A reply.
#[derive(Debug, PartialEq)]
pub(super) enum Reply {
    /// A text or a status.
    Text(Vec<u8>),
    Number(i64),
    Nil,
    Error(String),
    Array(Vec<Reply>),
}

/// A connection.
#[derive(Debug)]
pub(super) struct Wire {
    stream: BufReader<TcpStream>,
}

/// A connection that broke.
pub(super) fn lost(name: &str, error: IoError) -> Error {
    Error::unreachable(format!("{name}: {error}")).caused_by(error)
}

/// An error of the server. What follows its first word may hold a key.
pub(super) fn refused(name: &str, text: &str) -> Error {
    let code = text.split(' ').next().unwrap_or_default();
    match code {
        "LOADING" | "MASTERDOWN" | "TRYAGAIN" | "CLUSTERDOWN" | "BUSY" => {
            Error::unreachable(format!("{name}: the server says {code}"))
        }
        "WRONGTYPE" => Error::refused(format!("{name}: a key does not hold what --query says"))
            .advise("HASH is what HSET writes, STRING and JSON what SET writes"),
        "NOAUTH" | "WRONGPASS" | "NOPERM" => {
            Error::refused(format!("{name}: the server says {code}"))
                .advise("check user, password and their rights; see DWS_PASSWORD, --password-file")
        }
        "MOVED" | "ASK" => {
            Error::refused(format!("{name}: is part of a cluster, which is not supported"))
        }
        _ => Error::refused(format!("{name}: the server refuses the command ({code})")),
    }
}

/// Appends a command.
pub(super) fn push_command(out: &mut Vec<u8>, words: &[&[u8]]) {
    out.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
    for word in words {
        out.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
}

impl Wire {
    /// Connects, logs in and chooses the database.
    pub(super) fn connect(login: &Login) -> Result<Self> {
        let name = &login.name;
        let unreachable = |error: IoError| lost(name, error).advise("check that the server runs");
        let addresses = (login.host.as_str(), login.port).to_socket_addrs().map_err(unreachable)?;
        let [connect, read] = login.timeouts;
        let mut stream = Err(IoError::new(ErrorKind::NotFound, "the host has no address"));
        for address in addresses {
            stream = TcpStream::connect_timeout(&address, connect);
            if stream.is_ok() {
                break;
            }
        }
        let stream = stream.map_err(unreachable)?;
        stream.set_nodelay(true).map_err(unreachable)?;
        stream.set_read_timeout(Some(read)).map_err(unreachable)?;
        stream.set_write_timeout(Some(read)).map_err(unreachable)?;
        let mut wire = Self { stream: BufReader::with_capacity(64 << 10, stream) };
        if let Some(password) = &login.password {
            let password = match password {
                Password::Address(secret) => secret.reveal(),
                Password::Elsewhere(text) => text,
            };
            match &login.user {
                Some(user) => wire.must(name, &[b"AUTH", user.as_bytes(), password.as_bytes()])?,
                None => wire.must(name, &[b"AUTH", password.as_bytes()])?,
            }
        }
        if login.database > 0 {
            wire.must(name, &[b"SELECT", login.database.to_string().as_bytes()])?;
        }
        wire.must(name, &[b"PING"])?;
        Ok(wire)
    }

    /// Sends a command that must go well.
    fn must(&mut self, name: &str, words: &[&[u8]]) -> Result<()> {
        let mut bytes = Vec::new();
        push_command(&mut bytes, words);
        self.send(&bytes).map_err(|error| lost(name, error))?;
        match self.reply().map_err(|error| lost(name, error))? {
            Reply::Error(text) => Err(refused(name, &text)),
            _ => Ok(()),
        }
    }

    /// Sends commands.
    pub(super) fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// Reads a reply.
    pub(super) fn reply(&mut self) -> std::io::Result<Reply> {
        read(&mut self.stream, 0)
    }
}

fn odd() -> IoError {
    IoError::new(ErrorKind::InvalidData, "an answer that is not of Redis's protocol")
}

fn read(stream: &mut impl BufRead, depth: usize) -> std::io::Result<Reply> {
    let mut line = Vec::new();
    stream.by_ref().take(64 << 10).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Err(IoError::new(ErrorKind::UnexpectedEof, "the server is gone"));
    }
    let line = line.strip_suffix(b"\r\n").ok_or_else(odd)?;
    let (kind, rest) = line.split_first().ok_or_else(odd)?;
    let text = std::str::from_utf8(rest).map_err(|_| odd())?;
    let count = |most: usize| -> std::io::Result<Option<usize>> {
        match text {
            "-1" => Ok(None),
            text => match text.parse() {
                Ok(count) if count <= most => Ok(Some(count)),
                _ => Err(odd()),
            },
        }
    };
    match kind {
        b'+' => Ok(Reply::Text(rest.to_vec())),
        b'-' => Ok(Reply::Error(text.to_owned())),
        b':' => text.parse().map(Reply::Number).map_err(|_| odd()),
        b'$' => match count(LONGEST)? {
            None => Ok(Reply::Nil),
            Some(length) => {
                let mut bytes = Vec::new();
                stream.by_ref().take(length as u64 + 2).read_to_end(&mut bytes)?;
                if bytes.len() != length + 2 {
                    return Err(IoError::new(ErrorKind::UnexpectedEof, "the server is gone"));
                }
                bytes.truncate(length);
                Ok(Reply::Text(bytes))
            }
        },
        b'*' if depth < 2 => match count(MOST)? {
            None => Ok(Reply::Nil),
            Some(count) => (0..count)
                .map(|_| read(stream, depth + 1))
                .collect::<Result<_, _>>()
                .map(Reply::Array),
        },
        _ => Err(odd()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_read_and_nonsense_is_not() {
        let read = |mut bytes: &[u8]| read(&mut bytes, 0).map_err(|error| error.kind());
        let whole = b"*3\r\n$2\r\na\n\r\n$-1\r\n:-5\r\n";
        let text = |text: &[u8]| Reply::Text(text.to_vec());
        assert_eq!(
            read(whole),
            Ok(Reply::Array(vec![text(b"a\n"), Reply::Nil, Reply::Number(-5)]))
        );
        for cut in 0..whole.len() {
            assert!(read(&whole[..cut]).is_err(), "{cut}");
        }
        assert_eq!(read(b"+OK\r\n"), Ok(text(b"OK")));
        assert_eq!(read(b"-WRONGTYPE x\r\n"), Ok(Reply::Error("WRONGTYPE x".into())));
        for odd in
            ["$x\r\n", "$-2\r\n", "*99999999\r\n", "$999999999999\r\n", "HTTP/1.1 400\r\n", "\r\n"]
        {
            assert_eq!(read(odd.as_bytes()), Err(ErrorKind::InvalidData), "{odd}");
        }
        assert!(read("*1\r\n".repeat(9).as_bytes()).is_err());
    }

    #[test]
    fn commands_have_lengths() {
        let mut out = Vec::new();
        push_command(&mut out, &[b"GET", b"a\r\nDEL b"]);
        assert_eq!(out, b"*2\r\n$3\r\nGET\r\n$8\r\na\r\nDEL b\r\n");
    }

    #[test]
    fn errors_do_not_show_keys() {
        let error = refused("redis://h/", "WRONGTYPE Operation against secret");
        assert!(!error.to_string().contains("secret"));
    }
}
