//! What of all sites needs somebody of the hub's team, in numbers that stay quick however many sites there are.

mod store;

pub use store::{attention, count_devices, count_states};

/// Each counted up to a bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attention {
    /// Held beside another registration, and not decided about.
    pub held: usize,
    /// Over the user limit, push off.
    pub over_limit: usize,
    /// Over the user limit, pushing for a while still.
    pub in_grace: usize,
    /// Registered by the form within a month, and not proved for three days.
    pub unproved: usize,
}

/// How many there are, where counting all would take too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    Exactly(u64),
    /// By the database's own estimate.
    Roughly(u64),
    MoreThan(u64),
}
