//! What is ordinary and what is not: a pure look at what was counted for one site.

use std::time::Duration;

use super::model::{Evidence, Finding, Point};
use super::{Signal, signals};
use crate::clock::Timestamp;
use crate::push::{SLOT, Sign};
use crate::settings::Thresholds;

/// How far back the chart of a signal goes.
pub(super) const CHARTED: Duration = Duration::from_secs(6 * 3_600);
/// How many networks or tokens are kept as samples.
const SAMPLES: usize = 20;

/// The signs that are counted by the hour, each with its signal.
pub(super) const COUNTED: [(Sign, Signal); 5] = [
    (Sign::Limited, Signal::RateLimited),
    (Sign::Flood, Signal::Flood),
    (Sign::Enrolled, Signal::Enrolments),
    (Sign::EnrolledByPush, Signal::EnrolmentsByPush),
    (Sign::Oversize, Signal::Oversize),
];

/// An hour's pushes of a site.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hour {
    pub pushes: i64,
    /// How many of them went to tokens known to be gone.
    pub gone: i64,
}

/// A token that very many sites have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shared {
    pub sites: i64,
    /// Its end, as lists show it.
    pub hint: String,
}

/// What was counted for a site lately.
#[derive(Clone, Debug, Default)]
pub struct Window {
    pub users: u64,
    /// What was out of the ordinary, in steps of ten minutes, each with the step's begin.
    pub signs: Vec<(Sign, Timestamp, i64)>,
    /// The hour before this one, and this one. Only for whose tokens are looked at.
    pub hours: [Hour; 2],
    /// From which networks one of its keys was used in a day.
    pub networks: Vec<String>,
    pub shared: Option<Shared>,
    /// How many devices the site has. Only where it was looked at.
    pub devices: Option<i64>,
}

/// The begin of the last hour, as it is counted: this step of ten minutes, and five before.
pub fn hour_before(now: Timestamp) -> Timestamp {
    Sign::slot(now) - SLOT * 5
}

impl Window {
    /// How much of a sign there was in the last hour.
    pub fn amount(&self, sign: Sign, now: Timestamp) -> i64 {
        let since = hour_before(now);
        self.signs.iter().filter(|(known, at, _)| *known == sign && *at >= since).map(|(.., amount)| amount).sum()
    }

    /// A sign for a chart: every step of the last hours, also those without any.
    fn series(&self, sign: Sign, now: Timestamp) -> Vec<Point> {
        let last = Sign::slot(now);
        let steps = u32::try_from(CHARTED.as_secs() / SLOT.as_secs()).unwrap_or(0);
        let of_step = |at: Timestamp| self.signs.iter().filter(move |(known, slot, _)| *known == sign && *slot == at);
        (0..steps).rev().map(|n| last - SLOT * n).map(|at| Point::new(at, of_step(at).map(|(.., n)| n).sum())).collect()
    }

    /// The share of pushes to tokens that are gone: of this hour where that is enough to say anything, or of this and the
    /// last, whichever is higher. Gives it with how many pushes it is a part of.
    fn share_of_gone(&self, least: i64) -> Option<(i64, i64)> {
        let [before, this] = self.hours;
        let both = Hour { pushes: before.pushes + this.pushes, gone: before.gone + this.gone };
        let shares = [this, both].into_iter().filter(|hour| hour.gone >= least.max(1) && hour.pushes > 0);
        shares.map(|hour| (hour.gone.saturating_mul(100) / hour.pushes, hour.pushes)).max()
    }
}

/// What of a window is over its threshold.
pub fn judge(now: Timestamp, window: &Window, set: &Thresholds) -> Vec<Finding> {
    let mut found = Vec::new();
    let over = |signal: Signal, amount: i64| {
        let threshold = signals::row(signal).threshold(set, window.users)?;
        let threshold = i64::try_from(threshold).unwrap_or(i64::MAX);
        (amount >= threshold).then_some(threshold)
    };
    for (sign, signal) in COUNTED {
        let amount = window.amount(sign, now);
        if let Some(threshold) = over(signal, amount) {
            let evidence = Evidence { series: window.series(sign, now), ..Evidence::default() };
            found.push(Finding { signal, amount, threshold, evidence });
        }
    }
    let least = i64::try_from(set.unregistered_least).unwrap_or(i64::MAX);
    if window.amount(Sign::Unregistered, now) >= least
        && let Some((share, total)) = window.share_of_gone(least)
        && let Some(threshold) = over(Signal::Unregistered, share)
    {
        let series = window.series(Sign::Unregistered, now);
        let evidence = Evidence { total: Some(total), share_percent: Some(share), series, ..Evidence::default() };
        found.push(Finding { signal: Signal::Unregistered, amount: share, threshold, evidence });
    }
    let networks = i64::try_from(window.networks.len()).unwrap_or(i64::MAX);
    if let Some(threshold) = over(Signal::KeyNetworks, networks) {
        let evidence = Evidence { samples: window.networks.iter().take(SAMPLES).cloned().collect(), ..Evidence::default() };
        found.push(Finding { signal: Signal::KeyNetworks, amount: networks, threshold, evidence });
    }
    if let Some(shared) = &window.shared
        && let Some(threshold) = over(Signal::SharedToken, shared.sites)
    {
        let evidence = Evidence { samples: vec![shared.hint.clone()], ..Evidence::default() };
        found.push(Finding { signal: Signal::SharedToken, amount: shared.sites, threshold, evidence });
    }
    // Beyond, not at: as many as its people can have are ordinary.
    if let Some(devices) = window.devices
        && let Some(threshold) = over(Signal::BeyondUsers, devices - 1)
    {
        let evidence = Evidence { total: i64::try_from(window.users).ok(), ..Evidence::default() };
        found.push(Finding { signal: Signal::BeyondUsers, amount: devices, threshold, evidence });
    }
    found
}

#[cfg(test)]
#[path = "judge/tests.rs"]
mod tests;
