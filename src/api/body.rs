//! What a request brings along: read whole and bounded, then member by member, so that the answer names what is wrong.

use std::str::FromStr;
use std::time::Duration;

use actix_web::web::{Bytes, BytesMut, Payload};
use futures_util::{FutureExt, StreamExt};
use serde::Serialize;
use serde_json::{Map, Value};

use super::problem::{FieldProblem, Problem};
use crate::error::Error;
use crate::idempotency::Answer;

/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// The whole body, of at most `most` bytes.
pub(super) async fn read(payload: Payload, most: usize) -> Result<Bytes, Problem> {
    let whole = async {
        let (mut payload, mut body) = (payload.into_inner(), BytesMut::new());
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|_| Problem::unreadable("The body did not arrive whole."))?;
            if body.len() + chunk.len() > most {
                return Err(Error::TooLarge(most).into());
            }
            body.extend_from_slice(&chunk);
        }
        Ok::<Bytes, Problem>(body.freeze())
    };
    let read = actix_web::rt::time::timeout(PATIENCE, whole).await;
    read.unwrap_or_else(|_| Err(Problem::unreadable("The body did not arrive in time.")))
}

/// Throws a body away that nobody will read. What is here already is taken, so that the connection can go on; what is not
/// is not waited for.
pub(super) fn discard(payload: Payload) {
    let mut payload = payload.into_inner();
    while let Some(Some(Ok(_))) = payload.next().now_or_never() {}
}

/// An id in a path: what is none names nothing.
pub(super) fn id<T: FromStr>(text: &str) -> Result<T, Problem> {
    text.parse().map_err(|_| Error::NotFound.into())
}

/// An answer in JSON.
pub(super) fn answer(status: u16, view: &impl Serialize) -> Result<Answer, Problem> {
    let body = serde_json::to_vec(view).map_err(|e| Error::Internal(e.into()))?;
    Ok(Answer { status, body })
}

/// The members of a JSON object.
pub(super) struct Members(Map<String, Value>);

impl Members {
    /// Reads an object that has no other members than `known`.
    pub fn read(body: &[u8], known: &[&str]) -> Result<Self, Problem> {
        let value = serde_json::from_slice(body).map_err(|e| Problem::unreadable(format!("The body is not JSON: {e}.")))?;
        let Value::Object(members) = value else { return Err(Problem::field("body", "a JSON object is expected")) };
        let unknown = members.keys().filter(|name| !known.contains(&name.as_str()));
        let words = format!("not known here: use {}", known.join(", "));
        let errors: Vec<FieldProblem> = unknown.map(|name| FieldProblem { field: name.clone(), detail: words.clone() }).collect();
        if errors.is_empty() { Ok(Self(members)) } else { Err(Problem::fields(errors)) }
    }

    /// The same where nothing at all, or null, is as good as an empty object.
    pub fn read_if_any(body: &[u8], known: &[&str]) -> Result<Self, Problem> {
        let body = body.trim_ascii();
        if body.is_empty() || body == b"null" { Ok(Self(Map::new())) } else { Self::read(body, known) }
    }

    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// A member that is text.
    pub fn text(&self, name: &str) -> Result<Option<&str>, Problem> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Problem::field(name, "text is expected")),
        }
    }

    /// A member that is text, or null to take it away.
    pub fn text_or_null(&self, name: &str) -> Result<Option<Option<&str>>, Problem> {
        match self.0.get(name) {
            Some(Value::Null) => Ok(Some(None)),
            _ => Ok(self.text(name)?.map(Some)),
        }
    }
}
