//! Programs that hold a site's access key: `/api/v1`, in plain JSON, with problem details (RFC 9457) for what goes wrong.
//! What is taken and given is told by the code itself: `/openapi.json` is made from it, and `/docs/api` from that.

mod auth;
mod body;
pub mod broadcasts;
pub mod devices;
pub mod docs;
pub mod key_shapes;
pub mod keys;
pub mod leaks;
mod list;
mod once;
pub mod openapi;
mod problem;
pub mod push;
pub mod site;
pub mod usage;

pub use problem::{FieldProblem, Problem, ProblemView, face};
