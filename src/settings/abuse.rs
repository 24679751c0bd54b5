//! What counts as abuse, and what the hub does about it by itself.

use std::num::NonZeroU32;
use std::time::Duration;

use super::{Reader, duration};
use crate::db::types::text_enum;

text_enum! {
    /// What can open a case. What each means is said in `abuse::SIGNALS`.
    #[derive(PartialOrd, Ord)]
    pub enum Signal {
        RateLimited => "rate_limited",
        Unregistered => "unregistered",
        Flood => "flood",
        Enrolments => "enrolments",
        EnrolmentsByPush => "enrolments_by_push",
        KeyNetworks => "key_networks",
        SharedToken => "shared_token",
        Oversize => "oversize",
        BeyondUsers => "beyond_users",
        Reported => "reported",
        Staff => "staff",
    }
}

/// From how much on each signal opens a case. Zero: never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    pub rate_limited: u64,
    pub unregistered_share: u64,
    pub unregistered_least: u64,
    pub flood: u64,
    pub enrolments: u64,
    pub enrolments_by_push: u64,
    pub key_networks: u64,
    pub shared_token_sites: u64,
    pub oversize: u64,
    pub devices_per_user: u64,
    pub reports: u64,
}

#[derive(Clone, Debug)]
pub struct Abuse {
    pub thresholds: Thresholds,
    /// The signals on which the hub slows a site down by itself, and for how long.
    pub auto_limit: Vec<Signal>,
    pub auto_limit_for: Duration,
    /// For how long a site's signals stay quiet that were a false alarm.
    pub quiet_after_false_alarm: Duration,
    /// How slow a site is made.
    pub brake_per_second: NonZeroU32,
    pub brake_per_day: u64,
}

pub(super) fn abuse(r: &mut Reader) -> Option<Abuse> {
    let (rate_limited, flood, oversize) = (r.get("abuse.rate_limited"), r.get("abuse.flood"), r.get("abuse.oversize"));
    let unregistered_share = r.with("abuse.unregistered_share", |text| match text.parse() {
        Ok(percent) if percent <= 100 => Ok(percent),
        _ => Err("use a percentage from 1 to 100, without the sign; 0: never".into()),
    });
    let unregistered_least = r.get("abuse.unregistered_least");
    let (enrolments, enrolments_by_push) = (r.get("abuse.enrolments"), r.get("abuse.enrolments_by_push"));
    let (key_networks, shared_token_sites) = (r.get("abuse.key_networks"), r.get("abuse.shared_token_sites"));
    let (devices_per_user, reports) = (r.get("abuse.devices_per_user"), r.get("abuse.reports"));
    let auto_limit: Option<Vec<Signal>> = r.list("abuse.auto_limit");
    if auto_limit.as_ref().is_some_and(|signals| signals.contains(&Signal::Staff)) {
        r.complain("abuse.auto_limit", "leave out staff: who opens a case by hand limits by hand");
    }
    let auto_limit_for = r.with("abuse.auto_limit_for", |text| match duration(text) {
        Ok(length) if length.is_zero() => Err("use a length of time such as 6h; to switch it off, leave abuse.auto_limit empty".into()),
        other => other,
    });
    let quiet_after_false_alarm = r.with("abuse.quiet_after_false_alarm", duration);
    // The form with which the team slows a site down takes no more, and begins with these.
    let brake_per_second = r.with("abuse.brake_per_second", |text| match text.parse::<NonZeroU32>() {
        Ok(number) if number.get() <= 10_000 => Ok(number),
        _ => Err("use a whole number from 1 to 10000; what holds for all sites is under limits".into()),
    });
    let brake_per_day = r.with("abuse.brake_per_day", |text| match text.parse::<u64>() {
        Ok(number) if (1..=100_000_000).contains(&number) => Ok(number),
        _ => Err("use a whole number from 1 to 100000000; to stop a site's push, switch it off in its case".into()),
    });
    Some(Abuse {
        thresholds: Thresholds {
            rate_limited: rate_limited?,
            unregistered_share: unregistered_share?,
            unregistered_least: unregistered_least?,
            flood: flood?,
            enrolments: enrolments?,
            enrolments_by_push: enrolments_by_push?,
            key_networks: key_networks?,
            shared_token_sites: shared_token_sites?,
            oversize: oversize?,
            devices_per_user: devices_per_user?,
            reports: reports?,
        },
        auto_limit: auto_limit?,
        auto_limit_for: auto_limit_for?,
        quiet_after_false_alarm: quiet_after_false_alarm?,
        brake_per_second: brake_per_second?,
        brake_per_day: brake_per_day?,
    })
}
