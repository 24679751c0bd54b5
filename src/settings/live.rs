//! Settings that the team may change while the hub runs: one more layer over file and environment, read by the same
//! reader with the same checks. A value that can no longer be read, as after an upgrade, is passed over and said in the
//! log: it never keeps the hub from starting.

mod store;

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;

use super::source::{All, Complaint, Complaints, Typed};
use super::table::{self, KEYS, Key};
use super::{Abuse, Devices, Keys, Limits, Reader, Registration, Shown};
use crate::clock::Timestamp;
use crate::db::{Conn, Fault};
use crate::ids::AccountId;
pub use store::{forget, forget_account, set, told};

/// Where such a value comes from, in the words of [`Shown`].
const SOURCE: &str = "changed by the team";
/// The longest value that somebody may type, in characters.
const LONGEST: usize = 500;

/// The parts of the settings that have any such setting in them.
#[derive(Clone, Debug)]
pub struct Live {
    pub limits: Limits,
    pub registration: Registration,
    pub keys: Keys,
    pub devices: Devices,
    pub abuse: Abuse,
}

/// Reads the parts, from whatever layers there are.
pub(super) fn read(r: &mut Reader) -> Option<Live> {
    let (limits, registration, keys, devices) = (super::limits(r), super::registration(r), super::keys(r), super::devices(r));
    let abuse = super::abuse::abuse(r);
    Some(Live { limits: limits?, registration: registration?, keys: keys?, devices: devices?, abuse: abuse? })
}

/// What the team has said of one setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub name: String,
    pub value: String,
    pub changed_at: Timestamp,
    pub account: Option<AccountId>,
}

/// Why a value can't be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotTaken {
    /// There is no such setting, or it is not one that may be changed here.
    NotLive,
    /// What is wrong with the value, in the words that the file would be refused with.
    Value(String),
}

/// What file and environment say: the ground on which the team's changes lie. It has no secret in it.
#[derive(Clone, Debug)]
pub struct Ground {
    live: Live,
    typed: All,
    shown: Vec<Shown>,
}

impl Ground {
    pub(super) fn new(live: Live, all: &All, shown: Vec<Shown>) -> Self {
        let sections: Vec<&str> = KEYS.iter().filter(|key| key.live).map(Key::section).collect();
        let kept = |name: &String| table::find(name).is_some_and(|key| !key.secret && sections.contains(&key.section()));
        let typed = all.iter().filter(|(name, _)| kept(name)).map(|(name, typed)| (name.clone(), typed.clone())).collect();
        Self { live, typed, shown }
    }

    /// Every setting as file and environment have it, secrets masked.
    pub fn shown(&self) -> &[Shown] {
        &self.shown
    }

    /// How a setting of these parts was typed in file or environment, or its default.
    pub fn typed(&self, name: &str) -> Option<&str> {
        self.typed.get(name).map(|typed| typed.value.as_str())
    }

    /// The settings with what the team has said of them, and what of that was passed over.
    pub fn with(&self, told: &[Told]) -> (Live, Vec<Complaint>) {
        let (mut good, unknown): (Vec<&Told>, Vec<&Told>) = told.iter().partition(|one| is_live(&one.name));
        let mut complaints = Complaints::default();
        unknown.iter().for_each(|one| complaints.add(&one.name, SOURCE, "it can't be changed while the hub runs"));
        while !good.is_empty() {
            let found = match self.lay(good.iter().map(|one| (one.name.as_str(), one.value.as_str()))) {
                Ok(live) => return (live, complaints.0),
                Err(found) => found.0,
            };
            let before = good.len();
            good.retain(|one| !found.iter().any(|complaint| complaint.key == one.name));
            if good.len() == before {
                good.clear();
            }
            complaints.0.extend(found);
        }
        (self.live.clone(), complaints.0)
    }

    /// What holds of a setting that the team may change, in words as they are typed.
    pub fn value<'a>(&'a self, told: &'a [Told], name: &str) -> &'a str {
        let own = told.iter().find(|one| one.name == name).map(|one| one.value.as_str());
        own.or_else(|| self.typed(name)).unwrap_or_default()
    }

    /// Whether a value could be taken beside what the team has said of the others.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, told: &[Told], name: &str, value: &str) -> Result<(), NotTaken> {
        if !is_live(name) {
            return Err(NotTaken::NotLive);
        }
        if value.chars().count() > LONGEST {
            return Err(NotTaken::Value(format!("at most {LONGEST} characters, please")));
        }
        let (_, passed_over) = self.with(told);
        let others = told.iter().filter(|one| one.name != name && !passed_over.iter().any(|complaint| complaint.key == one.name));
        let others = others.map(|one| (one.name.as_str(), one.value.as_str()));
        match self.lay(others.chain([(name, value)])) {
            Ok(_) => Ok(()),
            Err(found) => Err(NotTaken::Value(found.0.into_iter().map(|complaint| complaint.words).collect::<Vec<_>>().join("; "))),
        }
    }

    fn lay<'a>(&self, told: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Live, Complaints> {
        let mut all = self.typed.clone();
        all.extend(told.map(|(name, value)| (name.to_owned(), Typed { value: value.trim().to_owned(), source: SOURCE.to_owned() })));
        let mut reader = Reader { all: &all, complaints: Complaints::default() };
        match read(&mut reader) {
            Some(live) if reader.complaints.0.is_empty() => Ok(live),
            _ => Err(reader.complaints),
        }
    }
}

/// Whether the team may change a setting while the hub runs.
pub fn is_live(name: &str) -> bool {
    table::find(name).is_some_and(|key| key.live && key.name == name)
}

/// What is in force now, on this node. Reading takes no lock.
pub struct Changeable {
    ground: Ground,
    now: ArcSwap<Live>,
    told: Mutex<Vec<Told>>,
}

impl Changeable {
    /// As file and environment say.
    pub fn new(ground: Ground) -> Self {
        Self { now: ArcSwap::from_pointee(ground.live.clone()), ground, told: Mutex::default() }
    }

    pub fn ground(&self) -> &Ground {
        &self.ground
    }

    /// As they are now.
    pub fn now(&self) -> arc_swap::Guard<Arc<Live>> {
        self.now.load()
    }

    /// Reads what the team has changed. `true`: it is not what this node knew.
    ///
    /// # Errors
    /// When the database does not answer; then all stays as it was.
    pub fn read_again(&self, conn: &mut Conn) -> Result<bool, Fault> {
        // Held while it is read: who reads later knows more.
        let mut known = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let told = told(conn)?;
        if *known == told {
            return Ok(false);
        }
        let (live, passed_over) = self.ground.with(&told);
        for complaint in passed_over {
            tracing::warn!(
                setting = complaint.key,
                why = complaint.words,
                "what the team has said of a setting can't be used; it is as file and environment say"
            );
        }
        self.now.store(Arc::new(live));
        *known = told;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::settings::Settings;

    fn ground() -> Ground {
        let env = [("BELFRY_LIMITS__PUSH_PER_DAY".to_owned(), "700".to_owned())];
        Settings::load(None, env).unwrap().ground().clone()
    }

    fn told(name: &str, value: &str) -> Told {
        Told { name: name.into(), value: value.into(), changed_at: Timestamp::from_micros(1), account: None }
    }

    #[test]
    fn what_the_team_says_lies_over_file_and_environment() {
        let ground = ground();
        assert_eq!(ground.with(&[]).0.limits.push_per_day, 700);
        let (live, passed_over) = ground.with(&[told("limits.push_per_day", " 9 "), told("registration.over_limit_grace", "2d")]);
        assert_eq!((live.limits.push_per_day, live.registration.over_limit_grace.as_secs(), passed_over.len()), (9, 172_800, 0));
        assert_eq!(live.limits.push_burst.get(), 200);
    }

    #[test]
    fn what_cannot_be_read_any_more_is_passed_over_and_the_rest_holds() {
        let all =
            [told("limits.push_burst", "many"), told("limits.push_per_day", "9"), told("limits.gone", "1"), told("server.bind", "[::]:1")];
        let (live, passed_over) = ground().with(&all);
        assert_eq!((live.limits.push_burst.get(), live.limits.push_per_day), (200, 9));
        let named: Vec<&str> = passed_over.iter().map(|complaint| complaint.key.as_str()).collect();
        assert_eq!(named, ["limits.gone", "server.bind", "limits.push_burst"]);
    }

    #[test]
    fn a_value_is_refused_in_the_words_of_the_file() {
        let ground = ground();
        let env = [("BELFRY_LIMITS__PUSH_PER_SECOND".to_owned(), "0".to_owned())];
        let words = Settings::load(None, env).unwrap_err().0.remove(0).words;
        assert_eq!(ground.check(&[], "limits.push_per_second", "0"), Err(NotTaken::Value(words)));
        assert_eq!(ground.check(&[], "server.bind", "127.0.0.1:1"), Err(NotTaken::NotLive));
        assert_eq!(ground.check(&[], "no.such", "1"), Err(NotTaken::NotLive));
        let broken = [told("limits.push_burst", "many")];
        assert_eq!(ground.check(&broken, "limits.push_per_second", "3"), Ok(()), "another's fault is nothing to it");
        assert_eq!(ground.check(&broken, "limits.push_burst", "3"), Ok(()));
    }

    #[test]
    fn the_ground_has_no_secret() {
        let env = [("BELFRY_SERVER__SECRET_KEY".to_owned(), "a-secret-of-at-least-thirty-two-characters".to_owned())];
        let settings = Settings::load(None, env).unwrap();
        assert!(!format!("{:?}", settings.ground()).contains("thirty-two"));
        assert_eq!(settings.ground().typed("server.bind"), None);
    }

    proptest! {
        #[test]
        fn no_value_makes_it_panic(index in 0..KEYS.len(), value in "\\PC{0,40}") {
            let ground = ground();
            let checked = ground.check(&[], KEYS[index].name, &value);
            let (_, passed_over) = ground.with(&[told(KEYS[index].name, &value)]);
            prop_assert_eq!(checked.is_ok(), passed_over.is_empty());
        }
    }
}
