//! MariaDB's GTID positions: `0-1-5,1-2-7`, the newest transaction of each domain. Uses `error`.
//! Warm.

use std::collections::BTreeMap;
use std::fmt;

use crate::error::{Error, Result};

/// Server id and sequence number of each domain's newest transaction.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MariaDbPosition {
    domains: BTreeMap<u32, (u32, u64)>,
}

impl MariaDbPosition {
    /// Reads `domain-server-sequence`, parted by commas.
    pub fn parse(text: &str) -> Result<Self> {
        let mut position = Self::default();
        for gtid in text.split(',').map(str::trim).filter(|gtid| !gtid.is_empty()) {
            let mut parts = gtid.splitn(3, '-');
            let mut read = || {
                let domain = parts.next()?.parse().ok()?;
                Some((domain, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
            };
            let (domain, server, sequence) = read().ok_or_else(|| {
                Error::data(format!("{gtid:?} is not a MariaDB GTID"))
                    .advise("its form is DOMAIN-SERVER-SEQUENCE, one a domain, parted by commas")
            })?;
            position.add(domain, server, sequence);
        }
        Ok(position)
    }

    /// The newest transaction of a domain: it replaces the one before, also when another server
    /// wrote it after a failover.
    pub fn add(&mut self, domain: u32, server: u32, sequence: u64) {
        self.domains.insert(domain, (server, sequence));
    }

    /// Whether it holds no transaction.
    pub fn is_empty(&self) -> bool {
        self.domains.is_empty()
    }

    /// Whether each domain of `other` is at the same transaction or further on.
    pub fn contains(&self, other: &Self) -> bool {
        other.domains.iter().all(|(domain, at)| self.reaches(*domain, at.1))
    }

    fn reaches(&self, domain: u32, sequence: u64) -> bool {
        self.domains.get(&domain).is_some_and(|mine| mine.1 >= sequence)
    }

    /// The further one of both in each domain.
    pub fn union(&mut self, other: &Self) {
        for (&domain, &(server, sequence)) in &other.domains {
            if !self.reaches(domain, sequence) {
                self.add(domain, server, sequence);
            }
        }
    }

    /// Removes the domains in which `other` is as far.
    pub fn subtract(&mut self, other: &Self) {
        self.domains.retain(|domain, at| !other.reaches(*domain, at.1));
    }

    /// Domain, server id and sequence number of each domain.
    pub fn domains(&self) -> impl Iterator<Item = (u32, u32, u64)> {
        self.domains.iter().map(|(&domain, &(server, sequence))| (domain, server, sequence))
    }
}

impl fmt::Display for MariaDbPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (domain, server, sequence) in self.domains() {
            write!(f, "{separator}{domain}-{server}-{sequence}")?;
            separator = ",";
        }
        Ok(())
    }
}
