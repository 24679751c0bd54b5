//! How fast one site may go: the figures that hold for it, and the meters made with them. A meter goes on through every
//! change that leaves its own figures alone, so that no change gives back a burst that was used up.

use std::num::NonZeroU32;
use std::sync::{Arc, OnceLock};

use crate::clock::{Clock, Timestamp};
use crate::limits::{Limiter, Rate, Standing};
use crate::settings::{ClaimedPush, Live};
use crate::sites::{Brake, Special, Terms};

/// The limits for all, and those of a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grants {
    pub general: Figures,
    pub trial_per_second: NonZeroU32,
    pub trial_per_day: u64,
    pub trial_devices: u64,
    pub max_site_users: u64,
    pub trial_is_limited: bool,
    pub claimed_may_push: bool,
}

impl Grants {
    /// As the settings say.
    pub fn of(live: &Live) -> Self {
        let (l, claimed) = (&live.limits, live.registration.claimed_push);
        Self {
            general: Figures {
                push_per_second: l.push_per_second,
                push_burst: l.push_burst,
                push_per_day: l.push_per_day,
                enrol_per_second: l.enrol_per_second,
                enrol_burst: l.enrol_burst,
            },
            trial_per_second: l.trial_per_second,
            trial_per_day: l.trial_per_day,
            trial_devices: l.trial_devices,
            max_site_users: l.max_site_users,
            trial_is_limited: claimed == ClaimedPush::Trial,
            claimed_may_push: claimed != ClaimedPush::Off,
        }
    }

    /// How many devices a site may have; not limited but on trial.
    pub fn most_devices(&self, on_trial: bool) -> Option<u64> {
        (on_trial && self.trial_is_limited).then_some(self.trial_devices)
    }
}

/// How fast a site may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures {
    pub push_per_second: NonZeroU32,
    pub push_burst: NonZeroU32,
    pub push_per_day: u64,
    pub enrol_per_second: NonZeroU32,
    pub enrol_burst: NonZeroU32,
}

impl Figures {
    /// What holds for a site but for a brake: its own terms before those for all. On trial the figures of the trial hold, and
    /// its own only where they are lower still.
    pub fn of(grants: &Grants, on_trial: bool, terms: &Terms) -> Self {
        let all = grants.general;
        let own = Self {
            push_per_second: terms.push_per_second.unwrap_or(all.push_per_second),
            push_burst: terms.push_burst.unwrap_or(all.push_burst),
            push_per_day: terms.push_per_day.unwrap_or(all.push_per_day),
            enrol_per_second: terms.enrol_per_second.unwrap_or(all.enrol_per_second),
            enrol_burst: terms.enrol_burst.unwrap_or(all.enrol_burst),
        };
        if !(on_trial && grants.trial_is_limited) {
            return own;
        }
        let lower = |trial: NonZeroU32, own: Option<NonZeroU32>| own.map_or(trial, |own| own.min(trial));
        Self {
            push_per_second: lower(grants.trial_per_second, terms.push_per_second),
            push_burst: lower(grants.trial_per_second, terms.push_burst),
            push_per_day: terms.push_per_day.map_or(grants.trial_per_day, |own| own.min(grants.trial_per_day)),
            ..own
        }
    }

    /// Lowered by a brake: nothing at once beyond a second's worth. Nothing is ever raised.
    #[must_use]
    pub fn braked(self, brake: &Brake) -> Self {
        let at_least_one = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        let (push, enrol) = (at_least_one(brake.push_per_second), at_least_one(brake.enrol_per_second));
        Self {
            push_per_second: self.push_per_second.min(push),
            push_burst: self.push_burst.min(push),
            push_per_day: self.push_per_day.min(brake.push_per_day),
            enrol_per_second: self.enrol_per_second.min(enrol),
            enrol_burst: self.enrol_burst.min(enrol),
        }
    }

    fn push(&self) -> Rate {
        Rate::per_second("push", self.push_per_second, self.push_burst)
    }

    fn enrol(&self) -> Rate {
        Rate::per_second("enrol", self.enrol_per_second, self.enrol_burst)
    }
}

/// A meter that is made when it is first asked.
#[derive(Clone)]
struct Meter(Arc<(Rate, OnceLock<Limiter>)>);

impl Meter {
    /// The one that was there, if its rate is the same.
    fn renewed(before: Option<&Self>, rate: Rate) -> Self {
        match before {
            Some(before) if before.0.0 == rate => before.clone(),
            _ => Self(Arc::new((rate, OnceLock::new()))),
        }
    }

    fn take(&self, clock: &Clock) -> Result<(), Standing> {
        let (rate, limiter) = &*self.0;
        limiter.get_or_init(|| Limiter::new(*rate, clock)).take()
    }
}

/// The meters of one site under one set of figures. Each way to enrol has its own, so that a key that is on every phone
/// can't use up the site's.
struct Set {
    figures: Figures,
    push: Meter,
    enrol: Meter,
    self_enrol: Meter,
    push_enrol: Meter,
}

impl Set {
    fn renewed(before: Option<&Self>, figures: Figures) -> Self {
        let (push, enrol) = (figures.push(), figures.enrol());
        Self {
            figures,
            push: Meter::renewed(before.map(|set| &set.push), push),
            enrol: Meter::renewed(before.map(|set| &set.enrol), enrol),
            self_enrol: Meter::renewed(before.map(|set| &set.self_enrol), enrol),
            push_enrol: Meter::renewed(before.map(|set| &set.push_enrol), enrol),
        }
    }
}

/// What a push or an enrolment is counted as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taking {
    Push,
    /// An enrolment by the site's own calls.
    Enrol,
    /// By a device itself.
    SelfEnrol,
    /// By a push to a token never seen.
    PushEnrol,
}

/// The meters of one site.
pub(super) struct Meters {
    usual: Set,
    /// Those that count until a moment: by the clock, so that every node lets go at the same time without being told.
    braked: Option<(Timestamp, Set)>,
}

impl Meters {
    /// Those for a site as it is now; those that were there go on where nothing has changed for them.
    pub(super) fn renewed(before: Option<&Self>, grants: &Grants, on_trial: bool, special: Option<&Special>) -> Self {
        let figures =
            special.map_or_else(|| Figures::of(grants, on_trial, &Terms::default()), |own| Figures::of(grants, on_trial, &own.terms));
        let braked = special.and_then(|special| special.brake.as_ref()).map(|brake| {
            let before = before.and_then(|before| before.braked.as_ref()).map(|(_, set)| set);
            (brake.until, Set::renewed(before, figures.braked(brake)))
        });
        Self { usual: Set::renewed(before.map(|before| &before.usual), figures), braked }
    }

    fn in_force(&self, now: impl FnOnce() -> Timestamp) -> &Set {
        match &self.braked {
            Some((until, braked)) if now() < *until => braked,
            _ => &self.usual,
        }
    }

    pub(super) fn take(&self, what: Taking, clock: &Clock) -> Result<(), Standing> {
        let set = self.in_force(|| clock.now());
        let meter = match what {
            Taking::Push => &set.push,
            Taking::Enrol => &set.enrol,
            Taking::SelfEnrol => &set.self_enrol,
            Taking::PushEnrol => &set.push_enrol,
        };
        meter.take(clock)
    }

    pub(super) fn figures(&self, now: Timestamp) -> Figures {
        self.in_force(|| now).figures
    }

    /// Until when it is slowed down, if it is now.
    pub(super) fn braked_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.braked.as_ref().map(|(until, _)| *until).filter(|until| now < *until)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn n(number: u32) -> NonZeroU32 {
        NonZeroU32::new(number).unwrap()
    }

    fn grants() -> Grants {
        let general = Figures { push_per_second: n(5), push_burst: n(10), push_per_day: 100, enrol_per_second: n(4), enrol_burst: n(8) };
        Grants {
            general,
            trial_per_second: n(2),
            trial_per_day: 20,
            trial_devices: 3,
            max_site_users: 1_000,
            trial_is_limited: true,
            claimed_may_push: true,
        }
    }

    fn brake(per_second: u32, per_day: u64, until: Timestamp) -> Brake {
        Brake { push_per_second: per_second, push_per_day: per_day, enrol_per_second: 1, until, case: None, automatic: false }
    }

    /// How many pass at once.
    fn passing(meters: &Meters, clock: &Clock) -> usize {
        (0..1_000).take_while(|_| meters.take(Taking::Push, clock).is_ok()).count()
    }

    #[test]
    fn terms_may_be_higher_and_a_trial_is_never_raised() {
        let terms = Terms { push_per_second: Some(n(50)), push_per_day: Some(9), ..Terms::default() };
        let own = Figures::of(&grants(), false, &terms);
        assert_eq!((own.push_per_second, own.push_burst, own.push_per_day), (n(50), n(10), 9));
        let trial = Figures::of(&grants(), true, &terms);
        assert_eq!((trial.push_per_second, trial.push_burst, trial.push_per_day), (n(2), n(2), 9));
        let full = Grants { trial_is_limited: false, ..grants() };
        assert_eq!(Figures::of(&full, true, &Terms::default()), full.general);
    }

    #[test]
    fn a_change_of_terms_takes_effect_and_nothing_else_gives_a_burst_back() {
        let clock = Clock::system();
        let first = Meters::renewed(None, &grants(), false, None);
        assert_eq!(passing(&first, &clock), 10);
        let same = Meters::renewed(Some(&first), &grants(), false, Some(&Special::default()));
        assert_eq!(passing(&same, &clock), 0, "nothing has changed");
        let enrol = Terms { enrol_per_second: Some(n(9)), ..Terms::default() };
        let other = Meters::renewed(Some(&same), &grants(), false, Some(&Special { terms: enrol, ..Special::default() }));
        assert_eq!(passing(&other, &clock), 0, "the rate of pushes is the same");
        let higher = Terms { push_burst: Some(n(30)), ..Terms::default() };
        let raised = Meters::renewed(Some(&other), &grants(), false, Some(&Special { terms: higher, ..Special::default() }));
        assert_eq!(passing(&raised, &clock), 30);
    }

    #[test]
    fn a_brake_holds_until_its_moment_and_ends_by_the_clock() {
        let clock = Clock::system();
        let until = clock.now() + Duration::from_secs(60);
        let free = Meters::renewed(None, &grants(), false, None);
        assert_eq!(passing(&free, &clock), 10);
        let special = Special { brake: Some(brake(1, 3, until)), ..Special::default() };
        let slow = Meters::renewed(Some(&free), &grants(), false, Some(&special));
        assert_eq!((passing(&slow, &clock), slow.figures(clock.now()).push_per_day), (1, 3));
        assert_eq!(slow.braked_until(clock.now()), Some(until));
        let longer = Special { brake: Some(brake(1, 3, until + Duration::from_secs(60))), ..Special::default() };
        let longer = Meters::renewed(Some(&slow), &grants(), false, Some(&longer));
        assert_eq!(passing(&longer, &clock), 0, "more time gives nothing back");
        clock.advance(Duration::from_secs(121));
        assert_eq!((passing(&longer, &clock), longer.braked_until(clock.now())), (10, None));
        assert_eq!(longer.figures(clock.now()), grants().general);
    }

    proptest! {
        /// Whatever holds, a brake lowers it or leaves it.
        #[test]
        fn a_brake_raises_nothing(per_second in 0u32..100, per_day in 0u64..1_000, own in prop::option::of(1u32..100), trial: bool) {
            let terms = Terms { push_per_second: own.map(n), push_burst: own.map(n), ..Terms::default() };
            let before = Figures::of(&grants(), trial, &terms);
            let after = before.braked(&brake(per_second, per_day, Timestamp::from_micros(0)));
            prop_assert!(after.push_per_second <= before.push_per_second && after.push_burst <= before.push_burst);
            prop_assert!(after.push_per_day <= before.push_per_day && after.enrol_burst <= before.enrol_burst);
            prop_assert!(after.push_per_second.get() <= per_second.max(1));
        }
    }
}
