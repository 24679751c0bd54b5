//! Identifiers: UUIDv7 newtypes, so that one thing's id never lands where another's should. They sort in time order.

use std::fmt;
use std::str::FromStr;

use diesel::deserialize::FromSqlRow;
use diesel::expression::AsExpression;
use serde::{Deserialize, Serialize};
use uuid::{NoContext, Uuid};

use crate::clock::Timestamp;
use crate::db::types::Id;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, AsExpression, FromSqlRow, Serialize, Deserialize)]
        #[diesel(sql_type = Id)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new id, made at `now`.
            pub fn new(now: Timestamp) -> Self {
                let seconds = u64::try_from(now.seconds()).unwrap_or(0);
                let nanos = u32::try_from(now.micros().rem_euclid(1_000_000) * 1_000).unwrap_or(0);
                Self(Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, seconds, nanos)))
            }

            /// Before every one that was made at `at` or later, and after every one that was made in an earlier millisecond.
            pub fn first_at(at: Timestamp) -> Self {
                let millis = u64::try_from(at.micros() / 1_000).unwrap_or(0).to_be_bytes();
                let mut bytes = [0; 16];
                bytes[..6].copy_from_slice(&millis[2..]);
                Self(Uuid::from_bytes(bytes))
            }

            /// When it was made, to the millisecond.
            pub fn made_at(&self) -> Timestamp {
                let millis = self.0.as_bytes()[..6].iter().fold(0_i64, |sum, byte| sum << 8 | i64::from(*byte));
                Timestamp::from_micros(millis.saturating_mul(1_000))
            }

            /// The 16 bytes, as stored.
            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// From 16 bytes, as stored.
            pub fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::try_parse(text).map(Self)
            }
        }

        crate::db::types::id_column!($name);
    )*};
}

ids! {
    /// A person who logs in.
    AccountId;
    /// One Moodle installation.
    SiteId;
    /// A Moodle's registration by its own protocol.
    RegistrationId;
    /// An access key.
    KeyId;
    /// A device token as enrolled for one site.
    DeviceId;
    /// A letter in the outbox.
    LetterId;
    /// A message to all devices of a site.
    BroadcastId;
    /// A login.
    SessionId;
    /// A one-time link in a letter.
    LinkId;
    /// An entry of the audit log.
    AuditId;
    /// A push, as the site's page lists it.
    PushId;
    /// Who has leased a row for work.
    LeaseId;
    /// A passkey of an account.
    PasskeyId;
    /// What was asked of an authenticator.
    CeremonyId;
    /// An abuse matter about one site.
    CaseId;
    /// Something that happened in a case.
    EntryId;
    /// What somebody told of a site.
    ReportId;
    /// A list of sites that is kept.
    ViewId;
}
