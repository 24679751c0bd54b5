//! The change log: what the push path keeps in memory and is no longer true. Every node reads it, so that what one
//! node or the command line revokes is dead everywhere within a second, with or without Redis.

use std::collections::BTreeSet;
use std::time::Duration;

use diesel::prelude::*;

use super::schema::changes;
use super::types::text_enum;
use super::{Conn, Fault};
use crate::clock::Timestamp;
use crate::ids::{DeviceId, KeyId, SiteId};

text_enum! {
    /// What kind of thing changed.
    enum Kind {
        Site => "site",
        Key => "key",
        Device => "device",
    }
}

/// A thing that changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    Site(SiteId),
    Key(KeyId),
    Device(DeviceId),
}

/// How long a missing number is waited for. PostgreSQL gives numbers out before the commit, so that a later one can be
/// there first; one that never comes was rolled back. Longer than any transaction may take.
const GAP: Duration = Duration::from_secs(90);
/// How long the log is kept: a node that was cut off for longer reads everything anew.
const KEPT: Duration = Duration::from_secs(3600);
/// How many entries are read at once; the rest comes with the next look.
const PAGE: i64 = 100_000;
/// How many missing numbers are asked for at once.
const MISSING: usize = 1_000;

pub(super) fn note(conn: &mut Conn, now: Timestamp, change: Change) -> Result<(), Fault> {
    // All ids are 16 bytes; the kind says whose.
    let (kind, id) = match change {
        Change::Site(id) => (Kind::Site, *id.as_bytes()),
        Change::Key(id) => (Kind::Key, *id.as_bytes()),
        Change::Device(id) => (Kind::Device, *id.as_bytes()),
    };
    diesel::insert_into(changes::table)
        .values((changes::kind.eq(kind), changes::entity.eq(SiteId::from_bytes(id)), changes::at.eq(now)))
        .execute(conn)?;
    Ok(())
}

/// One node's place in the log. It goes by the entries' numbers, not by anybody's clock.
#[derive(Clone, Debug, Default)]
pub struct ChangeLog {
    /// Every number up to this one was taken up, or will never come.
    floor: i64,
    /// Those above it that were taken up already.
    seen: BTreeSet<i64>,
    /// Since when the number after the floor has been missing.
    missing_since: Option<Timestamp>,
    read_at: Option<Timestamp>,
}

/// What a look into the log found, and where the node stands once it has taken that up.
pub struct News {
    pub changes: Changes,
    after: ChangeLog,
}

/// What has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changes {
    /// These, oldest first.
    These(Vec<Change>),
    /// Nobody knows any more: this node was cut off for so long that it must read everything.
    Everything,
}

impl ChangeLog {
    /// The end of the log as it is now: to be asked for before everything is read.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn here(conn: &mut Conn, now: Timestamp) -> Result<Self, Fault> {
        let last: Option<i64> = changes::table.select(diesel::dsl::max(changes::seq)).first(conn)?;
        Ok(Self { floor: last.unwrap_or(0), seen: BTreeSet::new(), missing_since: None, read_at: Some(now) })
    }

    /// What has changed since the last look that was taken up. This changes nothing: the place moves by
    /// [`ChangeLog::take_up`], so that what could not be taken up is told again.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn look(&self, conn: &mut Conn, now: Timestamp) -> Result<News, Fault> {
        if self.read_at.is_none_or(|read_at| now.since(read_at) > KEPT) {
            return Ok(News { changes: Changes::Everything, after: Self::here(conn, now)? });
        }
        let top = self.seen.last().copied().unwrap_or(self.floor);
        let missing: Vec<i64> = (self.floor + 1..top).filter(|number| !self.seen.contains(number)).take(MISSING).collect();
        let rows: Vec<(i64, Kind, SiteId)> = changes::table
            .filter(changes::seq.gt(top).or(changes::seq.eq_any(missing)))
            .order(changes::seq)
            .limit(PAGE)
            .select((changes::seq, changes::kind, changes::entity))
            .load(conn)?;
        let mut after = self.clone();
        let mut news = Vec::new();
        for (seq, kind, id) in rows {
            if after.seen.insert(seq) {
                let id = *id.as_bytes();
                news.push(match kind {
                    Kind::Site => Change::Site(SiteId::from_bytes(id)),
                    Kind::Key => Change::Key(KeyId::from_bytes(id)),
                    Kind::Device => Change::Device(DeviceId::from_bytes(id)),
                });
            }
        }
        after.read_at = Some(now);
        after.rise(now);
        Ok(News { changes: Changes::These(news), after })
    }

    /// Moves on, once the news were taken up.
    pub fn take_up(&mut self, news: News) {
        *self = news.after;
    }

    /// Raises the floor as far as every number below is accounted for.
    fn rise(&mut self, now: Timestamp) {
        while let Some(next) = self.seen.first().copied() {
            let expected = next == self.floor + 1;
            let given_up = self.missing_since.is_some_and(|since| now.since(since) > GAP);
            if !expected && !given_up {
                self.missing_since = self.missing_since.or(Some(now));
                return;
            }
            self.seen.remove(&next);
            self.floor = next;
            self.missing_since = None;
        }
        self.missing_since = None;
    }

    /// Drops what no node needs any more.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn trim(conn: &mut Conn, now: Timestamp) -> Result<usize, Fault> {
        Ok(diesel::delete(changes::table.filter(changes::at.lt(now - KEPT - GAP))).execute(conn)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn seeing(log: &mut ChangeLog, now: i64, numbers: &[i64]) {
        log.seen.extend(numbers.iter().filter(|n| **n > log.floor));
        log.rise(at(now));
    }

    #[test]
    fn a_number_that_comes_late_is_waited_for_and_one_that_never_comes_is_given_up() {
        let mut log = ChangeLog { read_at: Some(at(0)), ..ChangeLog::default() };
        seeing(&mut log, 1, &[1, 2, 4]);
        assert_eq!((log.floor, log.seen.len()), (2, 1));
        seeing(&mut log, 2, &[3, 6, 7]);
        assert_eq!((log.floor, log.seen.len()), (4, 2));
        seeing(&mut log, 91, &[]);
        assert_eq!(log.floor, 4);
        seeing(&mut log, 93, &[9]);
        // Five will not come; for eight the waiting begins anew.
        assert_eq!((log.floor, log.seen.len()), (7, 1));
        seeing(&mut log, 184, &[]);
        assert_eq!((log.floor, log.missing_since), (9, None));
    }
}
