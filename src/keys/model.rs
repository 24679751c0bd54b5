use std::time::Duration;

use diesel::prelude::*;

use crate::clock::Timestamp;
use crate::db::schema::access_keys;
use crate::db::types::text_enum;
use crate::ids::{DeviceId, KeyId, SiteId};
use crate::settings;

text_enum! {
    /// What a key is for (design.md section 4).
    pub enum KeyKind {
        /// The site's own calls.
        Site => "site",
        /// One key that a site hands to all its devices, for enrolment.
        Devices => "devices",
        /// One device's.
        Device => "device",
    }
}

/// What a key may do: AirNotifier's bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permissions(u8);

impl Permissions {
    pub const CREATE_TOKEN: Self = Self(1);
    pub const DELETE_TOKEN: Self = Self(2);
    pub const SEND_NOTIFICATION: Self = Self(4);
    pub const SEND_BROADCAST: Self = Self(8);

    /// What a kind of key may do.
    pub fn of(kind: KeyKind) -> Self {
        match kind {
            KeyKind::Site => Self(15),
            KeyKind::Devices => Self::CREATE_TOKEN,
            KeyKind::Device => Self(3),
        }
    }

    pub fn may(self, what: Self) -> bool {
        self.0 & what.0 == what.0
    }

    pub fn bits(self) -> i64 {
        self.0.into()
    }

    /// A subset that AirNotifier's number names; `None`: bits that no key has.
    pub fn from_number(bits: u64) -> Option<Self> {
        u8::try_from(bits).ok().filter(|bits| (1..16).contains(bits)).map(Self)
    }

    /// From a stored number; bits beyond those known mean nothing.
    pub fn from_stored(bits: i64) -> Self {
        Self((bits & 15) as u8)
    }
}

/// For how long a key goes on working beside its successor: at most 90 days; nothing at all is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overlap(pub Duration);

impl Overlap {
    const LONGEST: Duration = Duration::from_secs(90 * 86_400);

    /// Reads `7d`, `36h`, `0`, or a plain number of seconds.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let overlap = match text.parse::<u64>() {
            Ok(seconds) => Duration::from_secs(seconds),
            Err(_) => settings::duration(text)?,
        };
        if overlap > Self::LONGEST { Err("use at most 90 days".into()) } else { Ok(Self(overlap)) }
    }
}

/// A key, as stored. The key itself is not.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = access_keys)]
pub struct AccessKey {
    pub id: KeyId,
    pub site_id: SiteId,
    pub kind: KeyKind,
    pub permissions: i64,
    pub prefix: String,
    pub device_id: Option<DeviceId>,
    pub successor_id: Option<KeyId>,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
    pub last_used_at: Option<Timestamp>,
    pub use_count: i64,
    /// The network around the address of the last use.
    pub last_network: Option<String>,
}

/// Whether a key works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    Working,
    /// Works until then: it has a successor.
    Ending(Timestamp),
    Expired,
    Revoked,
}

impl KeyState {
    /// For programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Working => "working",
            Self::Ending(_) => "ending",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

impl AccessKey {
    pub fn state(&self, now: Timestamp) -> KeyState {
        match (self.revoked_at, self.expires_at) {
            (Some(_), _) => KeyState::Revoked,
            (None, Some(end)) if end <= now => KeyState::Expired,
            (None, Some(end)) => KeyState::Ending(end),
            (None, None) => KeyState::Working,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overlap_is_a_time_or_seconds() {
        for (text, seconds) in [("0", 0), ("7d", 604_800), ("3600", 3_600), (" 36h ", 129_600), ("90d", 7_776_000)] {
            assert_eq!(Overlap::parse(text), Ok(Overlap(Duration::from_secs(seconds))), "{text}");
        }
        for bad in ["", "91d", "-1", "soon", "1.5", "99999999999999999999"] {
            assert!(Overlap::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn kinds_have_the_bits_of_the_design() {
        let rows =
            [(KeyKind::Site, [true; 4]), (KeyKind::Devices, [true, false, false, false]), (KeyKind::Device, [true, true, false, false])];
        for (kind, may) in rows {
            let bits = [Permissions::CREATE_TOKEN, Permissions::DELETE_TOKEN, Permissions::SEND_NOTIFICATION, Permissions::SEND_BROADCAST];
            assert_eq!(bits.map(|bit| Permissions::of(kind).may(bit)), may, "{kind}");
        }
    }
}
