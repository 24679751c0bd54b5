//! Rates and quotas, in this process. What is refused, and in which words, is for who asked to say.

use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use governor::clock::Clock as _;
use governor::middleware::StateInformationMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use crate::clock::{Clock, Timestamp};
pub use crate::error::Standing;

/// The hub's clock, as governor wants it.
#[derive(Clone)]
struct Ticks(Clock);

impl governor::clock::Clock for Ticks {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

/// So many at once, and one more each `period / per_period`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub name: &'static str,
    pub burst: NonZeroU32,
    pub each: Duration,
}

impl Rate {
    /// `per_second` on average, up to `burst` at once.
    pub fn per_second(name: &'static str, per_second: NonZeroU32, burst: NonZeroU32) -> Self {
        Self { name, burst, each: Duration::from_secs(1) / per_second.get() }
    }

    /// `count` at once or spread over a minute.
    pub fn per_minute(name: &'static str, count: NonZeroU32) -> Self {
        Self { name, burst: count, each: Duration::from_secs(60) / count.get() }
    }

    /// `count` at once or spread over an hour.
    pub fn per_hour(name: &'static str, count: NonZeroU32) -> Self {
        Self { name, burst: count, each: Duration::from_secs(3600) / count.get() }
    }

    fn quota(self) -> Quota {
        // `each` is never zero: a second by a u32 is at least a quarter of a nanosecond, rounded down to zero only beyond a billion a second.
        Quota::with_period(self.each.max(Duration::from_nanos(1))).map_or(Quota::per_second(self.burst), |q| q.allow_burst(self.burst))
    }

    /// In how many whole seconds a used-up burst is there again.
    fn window_seconds(self) -> u64 {
        (self.each * self.burst.get()).as_secs_f64().ceil().max(1.0) as u64
    }
}

/// One rate for one thing (GCRA, one atomic number).
pub struct Limiter {
    rate: Rate,
    limiter: RateLimiter<NotKeyed, InMemoryState, Ticks, StateInformationMiddleware>,
}

impl Limiter {
    pub fn new(rate: Rate, clock: &Clock) -> Self {
        let limiter = RateLimiter::direct_with_clock(rate.quota(), Ticks(clock.clone())).with_middleware();
        Self { rate, limiter }
    }

    /// Takes one.
    ///
    /// # Errors
    /// The standing, when none is left.
    pub fn take(&self) -> Result<(), Standing> {
        self.limiter.check().map(|_| ()).map_err(|not_until| Standing {
            name: self.rate.name,
            quota: self.rate.burst.get().into(),
            window_seconds: self.rate.window_seconds(),
            remaining: 0,
            retry_after: not_until.wait_time_from(self.limiter.clock().now()),
        })
    }
}

/// One rate for many things, the least lately used forgotten beyond `capacity`: memory is bounded whoever asks.
pub struct Keyed<K> {
    rate: ArcSwap<Rate>,
    clock: Clock,
    limiters: quick_cache::sync::Cache<K, Arc<Limiter>>,
}

impl<K: Hash + Eq + Clone> Keyed<K> {
    pub fn new(rate: Rate, clock: &Clock, capacity: usize) -> Self {
        Self { rate: ArcSwap::from_pointee(rate), clock: clock.clone(), limiters: quick_cache::sync::Cache::new(capacity) }
    }

    /// Takes one of `key`'s.
    ///
    /// # Errors
    /// The standing, when none is left.
    pub fn take(&self, key: &K) -> Result<(), Standing> {
        self.of(key).take()
    }

    /// Counts at another rate from now on, everybody anew. `false`: it is the same one, and all goes on.
    pub fn set_rate(&self, rate: Rate) -> bool {
        if **self.rate.load() == rate {
            return false;
        }
        self.rate.store(Arc::new(rate));
        self.limiters.clear();
        true
    }

    /// `key`'s own meter.
    pub fn of(&self, key: &K) -> Arc<Limiter> {
        let made = || Ok::<_, std::convert::Infallible>(Arc::new(Limiter::new(**self.rate.load(), &self.clock)));
        let Ok(limiter) = self.limiters.get_or_insert_with(key, made);
        limiter
    }
}

/// An address as limits count it: IPv4 whole, IPv6 by its /64, since a subscriber has at least that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network(u64);

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self(u64::from(u32::from(v4))),
            // 2000::/3 and all else of IPv6 has a high half above any IPv4 number, but for ::/32, which nobody has.
            IpAddr::V6(v6) => Self((u128::from(v6) >> 64) as u64),
        }
    }
}

impl Network {
    /// As a number, for a place in memory; 0 is no address that calls.
    pub fn bits(self) -> u64 {
        self.0
    }

    pub fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The network around it, which is one itself: its [`coarse`](Self::coarse) is the same.
    pub fn around(self) -> Self {
        Self(self.0 & if u32::try_from(self.0).is_ok() { 0xffff_ff00 } else { 0xffff_ffff_ffff_0000 })
    }

    /// The network around it, as pages show it: /24 of IPv4, /48 of IPv6.
    pub fn coarse(self) -> String {
        match u32::try_from(self.0) {
            Ok(v4) => format!("{}/24", Ipv4Addr::from(v4 & 0xffff_ff00)),
            Err(_) => format!("{}/48", Ipv6Addr::from(u128::from(self.0 & 0xffff_ffff_ffff_0000) << 64)),
        }
    }
}

/// How many in one UTC day: the day in the upper 24 bits, the count in the lower 40.
#[derive(Debug, Default)]
pub struct Daily(AtomicU64);

const COUNT_BITS: u32 = 40;

impl Daily {
    fn day_number(now: Timestamp) -> u64 {
        u64::try_from(now.seconds() / 86_400).unwrap_or(0)
    }

    /// Begins with `count` used already, as the database knows it after a restart.
    pub fn resume(&self, now: Timestamp, count: u64) {
        self.0.store(Self::day_number(now) << COUNT_BITS | count.min((1 << COUNT_BITS) - 1), Ordering::Relaxed);
    }

    /// Takes one of today's `quota`.
    ///
    /// # Errors
    /// The standing, when none is left; another one is there at midnight UTC.
    pub fn take(&self, now: Timestamp, name: &'static str, quota: u64) -> Result<(), Standing> {
        let today = Self::day_number(now) << COUNT_BITS;
        let taken = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |before| {
            let before = if before >> COUNT_BITS == today >> COUNT_BITS { before } else { today };
            (before - today < quota).then_some(before + 1)
        });
        taken.map(|_| ()).map_err(|_| Standing {
            name,
            quota,
            window_seconds: 86_400,
            remaining: 0,
            retry_after: (now.day() + Duration::from_secs(86_400)).since(now),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn n(number: u32) -> NonZeroU32 {
        NonZeroU32::new(number).unwrap()
    }

    #[test]
    fn a_burst_passes_then_the_rate_holds() {
        let clock = Clock::system();
        let limiter = Limiter::new(Rate::per_minute("device", n(30)), &clock);
        for _ in 0..30 {
            assert_eq!(limiter.take(), Ok(()));
        }
        let refused = limiter.take().unwrap_err();
        assert_eq!((refused.quota, refused.window_seconds, refused.retry_seconds()), (30, 60, 2));
        clock.advance(Duration::from_secs(2));
        assert_eq!(limiter.take(), Ok(()));
        assert!(limiter.take().is_err());
    }

    #[test]
    fn keys_do_not_share_and_memory_is_bounded() {
        let clock = Clock::system();
        let keyed = Keyed::new(Rate::per_hour("registrations", n(1)), &clock, 100);
        assert!(keyed.take(&1).is_ok() && keyed.take(&2).is_ok() && keyed.take(&1).is_err());
        for key in 0..10_000 {
            let _ = keyed.take(&key);
        }
        assert!(keyed.limiters.len() <= 100);
    }

    #[test]
    fn another_rate_counts_anew_and_the_same_one_goes_on() {
        let keyed = Keyed::new(Rate::per_hour("registrations", n(1)), &Clock::system(), 100);
        assert!(keyed.take(&1).is_ok() && !keyed.set_rate(Rate::per_hour("registrations", n(1))) && keyed.take(&1).is_err());
        assert!(keyed.set_rate(Rate::per_hour("registrations", n(2))));
        assert!(keyed.take(&1).is_ok() && keyed.take(&1).is_ok() && keyed.take(&1).is_err());
    }

    #[test]
    fn an_ipv6_subscriber_counts_once() {
        let one = Network::from("2001:db8:1:2::1".parse::<IpAddr>().unwrap());
        assert_eq!(one, Network::from("2001:db8:1:2:ffff::9".parse::<IpAddr>().unwrap()));
        assert_ne!(one, Network::from("2001:db8:1:3::1".parse::<IpAddr>().unwrap()));
        assert_eq!(Network::from("::ffff:192.0.2.1".parse::<IpAddr>().unwrap()), Network::from("192.0.2.1".parse::<IpAddr>().unwrap()));
    }

    #[test]
    fn a_day_ends_at_midnight_utc() {
        let noon: Timestamp = "2026-01-31T12:00:00Z".parse().unwrap();
        let daily = Daily::default();
        daily.resume(noon, 1);
        assert_eq!(daily.take(noon, "day", 2), Ok(()));
        assert_eq!(daily.take(noon, "day", 2).unwrap_err().retry_after, Duration::from_secs(12 * 3600));
        assert_eq!(daily.take(noon + Duration::from_secs(12 * 3600), "day", 2), Ok(()));
    }

    proptest! {
        /// Whatever the steps of time, no window lets through more than a burst and what the rate gave back meanwhile.
        #[test]
        fn never_more_than_burst_and_rate(steps in prop::collection::vec(0u64..5_000, 1..200), burst in 1u32..50, per_second in 1u32..50) {
            let clock = Clock::system();
            let limiter = Limiter::new(Rate::per_second("push", n(per_second), n(burst)), &clock);
            let start = clock.elapsed();
            let mut passed = 0u32;
            for millis in steps {
                clock.advance(Duration::from_millis(millis));
                passed += u32::from(limiter.take().is_ok());
            }
            let allowed = f64::from(burst) + (clock.elapsed() - start).as_secs_f64() * f64::from(per_second) + 1.0;
            prop_assert!(f64::from(passed) <= allowed);
        }
    }
}
