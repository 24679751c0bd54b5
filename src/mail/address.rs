use std::fmt;
use std::str::FromStr;

use lettre::Address;

/// An e-mail address that a letter can be sent to.
#[derive(Clone, PartialEq, Eq)]
pub struct EmailAddress(Address);

impl EmailAddress {
    /// The longest that SMTP carries (RFC 5321 4.5.3.1.3, less the angle brackets).
    const LONGEST: usize = 254;

    /// # Errors
    /// What the person who typed it should do about it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.is_empty() {
            return Err("Type an e-mail address: this is where the confirmation goes.".into());
        }
        if text.len() > Self::LONGEST {
            return Err(format!("An e-mail address has at most {} characters.", Self::LONGEST));
        }
        match text.parse::<Address>() {
            Ok(address) if !text.chars().any(char::is_control) => Ok(Self(address)),
            _ => Err("This does not look like an e-mail address, such as name@school.example.".into()),
        }
    }

    /// The form that two spellings of one address share.
    pub fn key(&self) -> String {
        self.as_str().to_lowercase()
    }

    pub fn as_str(&self) -> &str {
        self.0.as_ref()
    }

    pub(super) fn inner(&self) -> &Address {
        &self.0
    }
}

impl FromStr for EmailAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::parse(text)
    }
}

/// Personal data: not for logs.
impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmailAddress(…)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn good_and_bad_addresses() {
        for good in ["a@b.example", " admin+moodle@Uni.Example ", "x@xn--bcher-kva.example", "jörg@example.org"] {
            assert!(EmailAddress::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "a", "a@", "@b", "a b@c.example", "a@b.example\r\nBcc: x@y.example", "<a@b.example>", "a@b.example, c@d.example"] {
            assert!(EmailAddress::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(EmailAddress::parse("Admin@Uni.Example").unwrap().key(), "admin@uni.example");
    }

    proptest! {
        #[test]
        fn no_accepted_address_can_start_a_header(text in "\\PC{0,20}@[a-z]{1,9}(\\r\\n|\\n|.){0,3}") {
            if let Ok(address) = EmailAddress::parse(&text) {
                prop_assert!(!address.as_str().contains(['\r', '\n']));
            }
        }
    }
}
