//! What ordinary sites do in a month opens no case; what abuse does in ten minutes opens one.

use std::collections::BTreeSet;

use super::*;
use crate::settings::Settings;

const SITES: u64 = 1_000;
const DAYS: u64 = 30;
const STEPS_A_DAY: u64 = 144;

/// Numbers that look random and are the same in each run (SplitMix64).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn part(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn between(&mut self, from: f64, to: f64) -> f64 {
        from + (to - from) * self.part()
    }

    fn once_in(&mut self, n: u64) -> bool {
        self.next().is_multiple_of(n)
    }

    /// About `mean`, as what happens independently is spread.
    fn about(&mut self, mean: f64) -> i64 {
        let bell: f64 = (0..6).map(|_| self.part()).sum::<f64>() - 3.0;
        (mean + bell * 1.4 * mean.sqrt()).round().max(0.0) as i64
    }
}

/// An ordinary site: a school where everybody uses the app, or a university where every third does.
struct Ordinary {
    users: f64,
    devices: f64,
    /// Pushes a day to a device.
    pushes: f64,
    /// How many of its pushes go to tokens that are gone.
    gone: f64,
    /// Its clock: it may be anywhere.
    ahead: u64,
    has_cluster: bool,
    /// When it was set up again from an old backup, if it was.
    restored_on: Option<u64>,
    /// When it moved to this hub with all its phones.
    joined_on: u64,
    exams_on: BTreeSet<u64>,
    window: Window,
}

impl Ordinary {
    fn new(chance: &mut Chance) -> Self {
        let users = (chance.between(30_f64.ln(), 19_900_f64.ln())).exp();
        let is_school = users < 1_500.0 && chance.once_in(3);
        let share = if is_school { chance.between(0.6, 0.9) } else { chance.between(0.15, 0.45) };
        // Some have a second phone, teachers a third.
        let devices = users * share * chance.between(1.05, 1.3);
        let has_cluster = users > 3_000.0 && chance.once_in(2);
        let networks = if has_cluster { 3 + chance.next() % 4 } else { 1 };
        let names = (0..networks).map(|n| format!("192.0.{n}.0/24")).collect();
        let shared = Some(Shared { sites: 1 + i64::try_from(chance.next() % 5).unwrap(), hint: "…AHEqMi".into() });
        Self {
            users,
            devices,
            pushes: chance.between(1.0, 12.0),
            gone: chance.between(0.01, 0.04),
            ahead: chance.next() % STEPS_A_DAY,
            has_cluster,
            restored_on: (users < 2_000.0 && chance.once_in(10)).then(|| chance.next() % DAYS),
            joined_on: if chance.once_in(40) { chance.next() % DAYS } else { 0 },
            exams_on: (0..6).map(|_| chance.next() % DAYS).collect(),
            window: Window { users: users as u64, networks: names, shared, ..Window::default() },
        }
    }

    fn note(&mut self, sign: Sign, at: Timestamp, amount: i64) {
        if amount > 0 {
            self.window.signs.push((sign, at, amount));
        }
    }

    /// What it does in ten minutes.
    fn live(&mut self, chance: &mut Chance, now: Timestamp, step: u64) {
        let here = step + self.ahead;
        let (day, hour) = (step / STEPS_A_DAY, (here % STEPS_A_DAY) as f64 / 6.0);
        self.window.signs.retain(|(_, at, _)| *at >= hour_before(now));
        if now == now.hour() {
            self.window.hours = [self.window.hours[1], Hour::default()];
        }
        if day < self.joined_on {
            return;
        }
        // Most of a day's messages come from eight to eight, few on Sundays; the first weeks of term are the busiest.
        let of_day = if (8.0..20.0).contains(&hour) {
            1.7
        } else if (6.0..23.0).contains(&hour) {
            0.6
        } else {
            0.1
        };
        let of_week = [1.2, 1.2, 1.1, 1.1, 1.0, 0.5, 0.3][(day % 7) as usize];
        let term = if day < 10 { 1.5 } else { 1.0 };
        let mut pushes = chance.about(self.devices * self.pushes * of_day * of_week * term / STEPS_A_DAY as f64);
        pushes += self.storms(chance, now, of_day);
        let is_old = self.restored_on == Some(day);
        let gone = chance.about(pushes as f64 * if is_old { 0.3 } else { self.gone }).min(pushes);
        self.note(Sign::Unregistered, now, gone);
        let this = &mut self.window.hours[1];
        *this = Hour { pushes: this.pushes + pushes, gone: this.gone + gone };
        self.enrolments(chance, now, (day, hour), pushes);
        if self.exams_on.contains(&day) && [9.0, 11.0, 14.0].iter().any(|begin| (hour - begin).abs() < 0.01) {
            self.exam(chance, now);
        }
        // A teachers' group that talks fast: nobody's phone gets thirty a minute.
        if self.has_cluster && chance.once_in(STEPS_A_DAY * 10) {
            self.note(Sign::Flood, now, chance.about(40.0));
        }
        self.window.devices = (step % STEPS_A_DAY == self.ahead).then_some(self.devices as i64 + 1);
    }

    /// A forum post to everybody, faster than the limit; or one that is too large. Gives how many pushes that is.
    fn storms(&mut self, chance: &mut Chance, now: Timestamp, of_day: f64) -> i64 {
        if of_day < 1.0 {
            return 0;
        }
        if chance.once_in(STEPS_A_DAY * 5) {
            let (everybody, rate) = (self.devices, chance.between(30.0, 200.0));
            let passed = (200.0 + 50.0 * everybody / rate).min(everybody);
            self.note(Sign::Limited, now, (everybody - passed) as i64);
            return everybody as i64;
        }
        if chance.once_in(STEPS_A_DAY * 15) {
            self.note(Sign::Oversize, now, self.devices as i64);
            return self.devices as i64;
        }
        0
    }

    fn enrolments(&mut self, chance: &mut Chance, now: Timestamp, (day, hour): (u64, f64), pushes: i64) {
        // Who moves to the hub brings all phones along, as fast as it pushes to them.
        if self.joined_on == day && day > 0 {
            let left = self.devices * if (9.0..10.0).contains(&hour) { 0.17 } else { 0.0 };
            self.note(Sign::EnrolledByPush, now, chance.about(left));
        }
        let installs = match day {
            // One in ten of its people in the busiest hour of the first day.
            0 if (10.0..11.0).contains(&hour) => self.users * 0.1 / 6.0,
            0..3 if (8.0..20.0).contains(&hour) => self.users * 0.02 / 6.0,
            _ => self.users * 0.002 / STEPS_A_DAY as f64,
        };
        self.note(Sign::Enrolled, now, chance.about(installs));
        self.note(Sign::EnrolledByPush, now, chance.about(pushes as f64 * 0.001));
    }

    /// Whole courses hand in within five minutes, and each teacher's phones hear of every paper.
    fn exam(&mut self, chance: &mut Chance, now: Timestamp) {
        let courses = (self.users / 1_000.0).ceil() as i64;
        for _ in 0..courses {
            let papers = chance.between(20.0, 250.0).min(self.users / 4.0);
            // Thirty at once and thirty a minute pass.
            let refused = (papers - 180.0).max(0.0) * chance.between(2.0, 5.0).floor();
            self.note(Sign::Flood, now, refused as i64);
        }
    }
}

fn thresholds() -> Thresholds {
    Settings::load(None, []).unwrap().abuse.thresholds
}

/// Which signals a month of ordinary sites raises, and how many of them.
fn month(set: &Thresholds) -> Vec<(Signal, u64, i64)> {
    let begin: Timestamp = "2026-09-07T00:00:00Z".parse().unwrap();
    let mut raised = Vec::new();
    for number in 0..SITES {
        let mut chance = Chance(0x00be_1f47 + number);
        let mut site = Ordinary::new(&mut chance);
        for step in 0..DAYS * STEPS_A_DAY {
            let now = begin + SLOT * u32::try_from(step).unwrap();
            site.live(&mut chance, now, step);
            raised.extend(judge(now, &site.window, set).into_iter().map(|found| (found.signal, site.users as u64, found.amount)));
        }
    }
    raised
}

#[test]
fn a_month_of_a_thousand_ordinary_sites_opens_no_case() {
    let raised = month(&thresholds());
    assert!(raised.is_empty(), "{} findings, such as {:?}", raised.len(), &raised[..raised.len().min(10)]);
}

/// So that the month above could open one: the same sites are over thresholds that are too low.
#[test]
fn thresholds_a_quarter_as_high_are_too_low_for_ordinary_sites() {
    let usual = thresholds();
    let quarter = Thresholds {
        rate_limited: usual.rate_limited / 4,
        unregistered_share: usual.unregistered_share / 4,
        unregistered_least: usual.unregistered_least / 4,
        flood: usual.flood / 4,
        enrolments: usual.enrolments / 4,
        enrolments_by_push: usual.enrolments_by_push / 4,
        key_networks: usual.key_networks / 4,
        shared_token_sites: usual.shared_token_sites / 4,
        oversize: usual.oversize / 4,
        devices_per_user: usual.devices_per_user / 4,
        reports: usual.reports,
    };
    let signals: BTreeSet<&str> = month(&quarter).iter().map(|(signal, ..)| signal.as_str()).collect();
    for signal in [Signal::Unregistered, Signal::KeyNetworks, Signal::SharedToken] {
        assert!(signals.contains(signal.as_str()), "{signal} is not among {signals:?}");
    }
}

fn noon() -> Timestamp {
    "2026-01-31T12:00:00Z".parse().unwrap()
}

fn signals_of(window: &Window) -> Vec<(Signal, i64)> {
    judge(noon(), window, &thresholds()).into_iter().map(|found| (found.signal, found.amount)).collect()
}

#[test]
fn an_hour_is_this_step_of_ten_minutes_and_five_before() {
    let signs = |minutes_ago: u64| vec![(Sign::Flood, Sign::slot(noon() - Duration::from_secs(minutes_ago * 60)), 300)];
    let of = |signs| signals_of(&Window { users: 100, signs, ..Window::default() });
    assert_eq!(of(signs(0)), [(Signal::Flood, 300)]);
    assert_eq!(of(signs(50)), [(Signal::Flood, 300)]);
    assert_eq!(of(signs(60)), []);
    let halves = vec![(Sign::Flood, noon(), 150), (Sign::Flood, noon() - SLOT, 150)];
    let window = Window { users: 100, signs: halves, ..Window::default() };
    let found = judge(noon(), &window, &thresholds());
    assert_eq!(found[0].amount, 300);
    let series = &found[0].evidence.series;
    assert_eq!((series.len(), series[34].amount, series[35].amount), (36, 150, 150));
    assert_eq!((series[35].at(), series[0].amount), (noon(), 0));
}

#[test]
fn a_share_needs_enough_to_be_one_and_is_of_the_fresher_hours() {
    let of = |hours: [(i64, i64); 2]| {
        let hours = hours.map(|(pushes, gone)| Hour { pushes, gone });
        let signs = vec![(Sign::Unregistered, noon(), hours[0].gone + hours[1].gone)];
        signals_of(&Window { users: 100, signs, hours, ..Window::default() })
    };
    assert_eq!(of([(0, 0), (1_250, 500)]), [(Signal::Unregistered, 40)]);
    assert_eq!(of([(0, 0), (1_251, 500)]), []);
    assert_eq!(of([(0, 0), (499, 499)]), []);
    // A busy hour before does not hide what this one is about, and two halves make a whole.
    assert_eq!(of([(100_000, 0), (1_000, 900)]), [(Signal::Unregistered, 90)]);
    assert_eq!(of([(400, 300), (400, 300)]), [(Signal::Unregistered, 75)]);
}

#[test]
fn what_is_not_counted_by_the_hour_is_judged_where_it_was_looked_at() {
    let networks = |n: usize| (0..n).map(|n| format!("198.51.{n}.0/24")).collect::<Vec<_>>();
    assert_eq!(signals_of(&Window { networks: networks(11), ..Window::default() }), []);
    assert_eq!(signals_of(&Window { networks: networks(12), ..Window::default() }), [(Signal::KeyNetworks, 12)]);
    let shared = |sites| Window { shared: Some(Shared { sites, hint: "…".into() }), ..Window::default() };
    assert_eq!((signals_of(&shared(19)), signals_of(&shared(20))), (vec![], vec![(Signal::SharedToken, 20)]));
    let devices = |devices| Window { users: 100, devices: Some(devices), ..Window::default() };
    assert_eq!((signals_of(&devices(700)), signals_of(&devices(701))), (vec![], vec![(Signal::BeyondUsers, 701)]));
}

#[test]
fn a_threshold_of_nothing_is_never_reached() {
    let none = Thresholds { flood: 0, key_networks: 0, unregistered_share: 0, devices_per_user: 0, ..thresholds() };
    let window = Window {
        signs: vec![(Sign::Flood, noon(), i64::MAX / 4), (Sign::Unregistered, noon(), 1_000)],
        hours: [Hour::default(), Hour { pushes: 1_000, gone: 1_000 }],
        networks: vec!["192.0.2.0/24".into(); 100],
        devices: Some(i64::MAX),
        ..Window::default()
    };
    assert_eq!(judge(noon(), &window, &none), []);
}
