//! Broadcasts: one message to all devices of one site, as a job that is paced, shared by all nodes and taken up again
//! wherever it stopped. No device gets it twice: where it goes on is committed before anything is handed over, so that a
//! node that dies leaves a few devices of which nobody knows whether they got it, and no more than that.
//!
//! Sending to one device is for `push`; who may start one is for whoever asks.

mod life;
mod model;
mod store;
mod turn;

pub use life::{BroadcastError, Wanted, cancel, start};
pub use model::{Broadcast, BroadcastState, Draft, parse};
pub use store::{KEPT, cancel_all};
pub use store::{find, page, trim};
pub use turn::turn;
