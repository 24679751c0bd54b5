//! The hub's time: whole microseconds, the same from both databases, movable by tests.

use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, Datelike, SecondsFormat, Timelike, Utc};
use diesel::deserialize::FromSqlRow;
use diesel::expression::AsExpression;
use serde::Serialize;

use crate::db::types::Moment;

/// A moment in UTC, in whole microseconds, so that what was written is what is read back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, AsExpression, FromSqlRow, Serialize)]
#[diesel(sql_type = Moment)]
#[serde(transparent)]
pub struct Timestamp(DateTime<Utc>);

impl Timestamp {
    /// The moment `micros` microseconds after 1970; out of chrono's range gives the epoch.
    pub fn from_micros(micros: i64) -> Self {
        Self(DateTime::from_timestamp_micros(micros).unwrap_or_default())
    }

    /// Microseconds since 1970.
    pub fn micros(self) -> i64 {
        self.0.timestamp_micros()
    }

    /// Whole seconds since 1970.
    pub fn seconds(self) -> i64 {
        self.0.timestamp()
    }

    /// `2026-01-31T12:00:00.000000Z`: sorts as text in the order of time.
    pub fn sortable(self) -> String {
        self.0.to_rfc3339_opts(SecondsFormat::Micros, true)
    }

    /// RFC 3339 in whole seconds, for people's pages and programs.
    pub fn rfc3339(self) -> String {
        self.0.to_rfc3339_opts(SecondsFormat::Secs, true)
    }

    /// `31 Jan 2026, 12:00 UTC`.
    pub fn readable(self) -> String {
        self.0.format("%-d %b %Y, %H:%M UTC").to_string()
    }

    /// The hour of the day in UTC as `14:00`.
    pub fn hour_label(self) -> String {
        self.0.format("%H:00").to_string()
    }

    /// The start of this moment's hour.
    pub fn hour(self) -> Self {
        let seconds = self.seconds();
        Self::from_micros((seconds - seconds.rem_euclid(3600)) * 1_000_000)
    }

    /// The start of this moment's UTC day.
    pub fn day(self) -> Self {
        let seconds = self.seconds();
        Self::from_micros((seconds - seconds.rem_euclid(86_400)) * 1_000_000)
    }

    /// The start of this moment's UTC month.
    pub fn month(self) -> Self {
        let first = self.0.date_naive().with_day(1).and_then(|day| day.and_hms_opt(0, 0, 0));
        first.map_or(self, |start| Self(start.and_utc()))
    }

    /// How long ago `earlier` was; nothing when it lies ahead.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.micros() - earlier.micros()).unwrap_or(0))
    }
}

impl From<DateTime<Utc>> for Timestamp {
    fn from(time: DateTime<Utc>) -> Self {
        let whole = time.nanosecond() / 1_000 * 1_000;
        Self(time.with_nanosecond(whole).unwrap_or(time))
    }
}

impl FromStr for Timestamp {
    type Err = chrono::ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(DateTime::parse_from_rfc3339(text)?.with_timezone(&Utc).into())
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, length: Duration) -> Self {
        let micros = i64::try_from(length.as_micros()).unwrap_or(i64::MAX);
        Self::from_micros(self.micros().saturating_add(micros))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, length: Duration) -> Self {
        let micros = i64::try_from(length.as_micros()).unwrap_or(i64::MAX);
        Self::from_micros(self.micros().saturating_sub(micros))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sortable())
    }
}

/// Where everything in the hub gets the time from. Clones share one time.
#[derive(Clone)]
pub struct Clock {
    started: Instant,
    ahead_micros: Arc<AtomicI64>,
}

impl Clock {
    /// The machine's own time.
    pub fn system() -> Self {
        Self { started: Instant::now(), ahead_micros: Arc::default() }
    }

    /// The time of day.
    pub fn now(&self) -> Timestamp {
        let now = Timestamp::from(Utc::now());
        let ahead = self.ahead_micros.load(Ordering::Relaxed);
        if ahead == 0 { now } else { Timestamp::from_micros(now.micros() + ahead) }
    }

    /// Time since this clock was made, which never runs backwards: for rates.
    pub fn elapsed(&self) -> Duration {
        let ahead = self.ahead_micros.load(Ordering::Relaxed);
        self.started.elapsed() + Duration::from_micros(u64::try_from(ahead).unwrap_or(0))
    }

    /// Moves this clock, and all its clones, ahead: for tests.
    pub fn advance(&self, by: Duration) {
        let micros = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        self.ahead_micros.fetch_add(micros, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_micros_give_the_same_moment_back() {
        let time = Timestamp::from_micros(1_769_860_800_123_456);
        assert_eq!(time.sortable(), "2026-01-31T12:00:00.123456Z");
        assert_eq!(time.sortable().parse(), Ok(time));
        assert_eq!(time.hour().sortable(), "2026-01-31T12:00:00.000000Z");
        assert_eq!(time.day().sortable(), "2026-01-31T00:00:00.000000Z");
        assert_eq!(time.month().sortable(), "2026-01-01T00:00:00.000000Z");
    }

    #[test]
    fn a_moved_clock_moves_its_clones() {
        let clock = Clock::system();
        let before = clock.clone().now();
        clock.advance(Duration::from_secs(3600));
        assert!(clock.now().since(before) >= Duration::from_secs(3600));
        assert!(clock.elapsed() >= Duration::from_secs(3600));
    }
}
