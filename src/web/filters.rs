//! Filters for templates.

use std::fmt::Display;

/// `20000` as `20,000`.
#[askama::filter_fn]
pub fn number(value: impl Display, _env: &dyn askama::Values) -> askama::Result<String> {
    Ok(with_commas(&value.to_string()))
}

/// Puts a comma before each group of three digits.
pub fn with_commas(digits: &str) -> String {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |rest| ("-", rest));
    let mut out = String::from(sign);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::with_commas;

    #[test]
    fn groups_of_three() {
        for (plain, grouped) in [("0", "0"), ("999", "999"), ("1000", "1,000"), ("20000", "20,000"), ("-1234567", "-1,234,567")] {
            assert_eq!(with_commas(plain), grouped);
        }
    }
}
