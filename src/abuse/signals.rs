//! What the hub takes as a sign of abuse: one table, from which pages, docs and the watch are read.

use std::time::Duration;

pub use crate::settings::Signal;
use crate::settings::Thresholds;

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    pub signal: Signal,
    /// As lists show it.
    pub title: &'static str,
    pub meaning: &'static str,
    /// What an ordinary site does, so that who looks at a case can compare.
    pub ordinary: &'static str,
    /// What its amount counts.
    pub unit: &'static str,
    /// The setting of its threshold; empty: it has none.
    pub setting: &'static str,
    /// For each hundred users of the site, so much is ordinary, whatever the setting says.
    pub per_hundred_users: u64,
    /// Over how many hours it is counted: for as long it stays quiet once its case is closed.
    pub hours: u64,
}

macro_rules! signals {
    ($($signal:ident => $title:literal, $meaning:literal, $ordinary:literal, $unit:literal, $setting:literal, $per_hundred:literal, $hours:literal;)*) => {
        /// Every signal.
        pub const SIGNALS: &[Row] = &[$(Row {
            signal: Signal::$signal, title: $title, meaning: $meaning, ordinary: $ordinary, unit: $unit, setting: $setting,
            per_hundred_users: $per_hundred, hours: $hours,
        }),*];
    };
}

signals! {
    RateLimited => "Sends faster than its limit",
        "In the last hour the hub refused very many of the site's pushes, because they came faster than the site's limit or after its day was used up.",
        "An announcement to everybody runs into the limit for some minutes: some thousand refusals at a large university, and then none for days.",
        "refusals an hour", "abuse.rate_limited", 100, 1;
    Unregistered => "Pushes to tokens that are gone",
        "A large part of the site's pushes went to tokens that Apple or Google had already said are gone. The site does not forget them, or has them from somewhere else.",
        "One to four in a hundred. A site that was set up again from an old backup has some thirty in a hundred for a day.",
        "percent of the pushes", "abuse.unregistered_share", 0, 2;
    Flood => "Floods single devices",
        "Single devices got more pushes in a minute than one device may, again and again.",
        "Teachers' phones when a whole course hands in at once: some dozen refusals for each, for a few minutes.",
        "refusals an hour", "abuse.flood", 50, 1;
    Enrolments => "Very many new devices at once",
        "In the last hour far more devices were enrolled for the site than people pick up their phones.",
        "At the start of term one in ten of its people install the app in the busiest hour.",
        "new devices an hour", "abuse.enrolments", 50, 1;
    EnrolmentsByPush => "Pushes to tokens never seen",
        "In the last hour the site pushed to many tokens that nobody had enrolled. It may be trying out tokens that it should not have.",
        "A few a day, when phones renew their tokens. A site that has just moved to this hub brings all its phones along like this, once.",
        "new devices an hour", "abuse.enrolments_by_push", 150, 1;
    KeyNetworks => "One key, many networks",
        "In the last day one of the site's own keys was used from many networks. It has probably got into other hands.",
        "One network, or three to six where several servers send for the site.",
        "networks a day", "abuse.key_networks", 0, 24;
    SharedToken => "A token at very many sites",
        "The site enrolled a device token that very many other sites have as well. Nobody is a member of so many schools: somebody registers sites in order to send to it.",
        "A phone is enrolled at one to five sites.",
        "sites", "abuse.shared_token_sites", 0, 168;
    Oversize => "Payloads that are too large",
        "In the last hour very many of the site's requests were larger than what may be sent.",
        "Now and then a plugin with clumsy messages: one for each phone of everybody at most.",
        "refusals an hour", "abuse.oversize", 150, 1;
    BeyondUsers => "More devices than its people can have",
        "The site has far more devices than the number of users that it states would have. Either the number is wrong, or the devices are.",
        "About one device for every second user; two at sites where everybody uses the app.",
        "devices", "abuse.devices_per_user", 0, 168;
    Reported => "Reported by the public",
        "Somebody has reported the site with the form for reports.",
        "No reports.",
        "reports", "abuse.reports", 0, 1;
    Staff => "Opened by the team",
        "Somebody of the hub's team has opened the case.",
        "",
        "times", "", 0, 0;
}

impl Row {
    /// For how long the signal stays quiet after its case was closed as settled: what was counted before must not open another one.
    pub fn window(&self) -> Duration {
        Duration::from_secs(self.hours * 3_600)
    }

    /// From which amount on it opens a case about a site of so many users. `None`: never.
    pub fn threshold(&self, set: &Thresholds, users: u64) -> Option<u64> {
        let least = match self.signal {
            Signal::RateLimited => set.rate_limited,
            Signal::Unregistered => set.unregistered_share,
            Signal::Flood => set.flood,
            Signal::Enrolments => set.enrolments,
            Signal::EnrolmentsByPush => set.enrolments_by_push,
            Signal::KeyNetworks => set.key_networks,
            Signal::SharedToken => set.shared_token_sites,
            Signal::Oversize => set.oversize,
            Signal::BeyondUsers => match set.devices_per_user {
                0 => 0,
                each => users.saturating_mul(each).saturating_add(SPARE_DEVICES),
            },
            Signal::Reported => set.reports,
            Signal::Staff => return None,
        };
        (least > 0).then(|| least.max(users.saturating_mul(self.per_hundred_users) / 100))
    }
}

/// The row of a signal.
pub fn row(signal: Signal) -> &'static Row {
    // Held by a test: the rows stand in the order of the signals.
    &SIGNALS[signal as usize]
}

/// How many devices a site may have beyond what its users would have: small sites are tried out by their makers.
const SPARE_DEVICES: u64 = 200;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::table;

    #[test]
    fn every_signal_has_its_row_and_every_threshold_its_setting() {
        assert_eq!(SIGNALS.len(), Signal::ALL.len());
        for (signal, known) in Signal::ALL.iter().zip(SIGNALS) {
            assert_eq!((*signal, row(*signal)), (known.signal, known));
            assert!(known.setting.is_empty() || table::find(known.setting).is_some(), "{}", known.setting);
        }
        let limitable = &table::find("abuse.auto_limit").unwrap().meaning;
        for signal in Signal::ALL.iter().filter(|signal| **signal != Signal::Staff) {
            assert!(limitable.contains(signal.as_str()), "{signal}");
        }
    }

    #[test]
    fn a_large_site_has_higher_thresholds_where_that_is_ordinary() {
        let set = thresholds();
        let of = |signal, users| row(signal).threshold(&set, users);
        assert_eq!((of(Signal::RateLimited, 100), of(Signal::RateLimited, 19_000)), (Some(3_000), Some(19_000)));
        assert_eq!((of(Signal::Unregistered, 100), of(Signal::Unregistered, 19_000)), (Some(40), Some(40)));
        assert_eq!((of(Signal::EnrolmentsByPush, 100), of(Signal::EnrolmentsByPush, 8_000)), (Some(500), Some(12_000)));
        assert_eq!((of(Signal::BeyondUsers, 0), of(Signal::BeyondUsers, 100)), (Some(200), Some(700)));
        assert_eq!(row(Signal::Flood).threshold(&Thresholds { flood: 0, ..set }, 19_000), None);
        assert_eq!(row(Signal::BeyondUsers).threshold(&Thresholds { devices_per_user: 0, ..set }, 19_000), None);
    }

    fn thresholds() -> Thresholds {
        crate::settings::Settings::load(None, []).unwrap().abuse.thresholds
    }
}
