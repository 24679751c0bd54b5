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

/// How far back the log is read again each time: numbers can be committed out of order, and clocks differ.
const WINDOW: Duration = Duration::from_secs(15);
/// How long the log is kept: a node that was cut off for longer reads everything anew.
const KEPT: Duration = Duration::from_secs(3600);

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

/// One node's place in the log.
#[derive(Default)]
pub struct ChangeLog {
    seen: BTreeSet<i64>,
    read_until: Option<Timestamp>,
}

impl ChangeLog {
    /// What has changed since the last call, oldest first; `None` when this node was cut off for so long that it must read everything.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn news(&mut self, conn: &mut Conn, now: Timestamp) -> Result<Option<Vec<Change>>, Fault> {
        let since = self.read_until.unwrap_or(now) - WINDOW;
        let late = now.since(since) > KEPT;
        let rows: Vec<(i64, Kind, SiteId)> = changes::table
            .filter(changes::at.ge(since))
            .order(changes::seq)
            .select((changes::seq, changes::kind, changes::entity))
            .load(conn)?;
        let news = rows.iter().filter(|(seq, ..)| !self.seen.contains(seq)).map(|(_, kind, id)| {
            let id = *id.as_bytes();
            match kind {
                Kind::Site => Change::Site(SiteId::from_bytes(id)),
                Kind::Key => Change::Key(KeyId::from_bytes(id)),
                Kind::Device => Change::Device(DeviceId::from_bytes(id)),
            }
        });
        let news = news.collect();
        self.seen = rows.into_iter().map(|(seq, ..)| seq).collect();
        self.read_until = Some(now);
        Ok((!late).then_some(news))
    }

    /// Drops what no node needs any more.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn trim(conn: &mut Conn, now: Timestamp) -> Result<usize, Fault> {
        Ok(diesel::delete(changes::table.filter(changes::at.lt(now - KEPT - WINDOW))).execute(conn)?)
    }
}
