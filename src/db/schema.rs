//! The tables, as the queries see them. `tests/it/house.rs` holds this, `migrations/sqlite` and `migrations/postgres` side by side.

diesel::table! {
    use diesel::sql_types::*;
    use super::super::types::{Id, Moment};

    accounts (id) {
        id -> Id,
        email -> Text,
        email_key -> Text,
        name -> Text,
        language -> Text,
        password_hash -> Nullable<Text>,
        role -> Nullable<Text>,
        confirmed_at -> Nullable<Moment>,
        created_at -> Moment,
        revision -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::super::types::{Id, Moment};

    sessions (id) {
        id -> Id,
        account_id -> Id,
        token_hash -> Binary,
        created_at -> Moment,
        seen_at -> Moment,
        expires_at -> Moment,
        address -> Text,
        agent -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::super::types::{Id, Moment};

    links (id) {
        id -> Id,
        account_id -> Id,
        purpose -> Text,
        site_id -> Nullable<Id>,
        password_hash -> Nullable<Text>,
        token_hash -> Binary,
        created_at -> Moment,
        expires_at -> Moment,
        used_at -> Nullable<Moment>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::super::types::{Id, Moment};

    sites (id) {
        id -> Id,
        account_id -> Nullable<Id>,
        name -> Text,
        url -> Text,
        url_key -> Text,
        description -> Text,
        country -> Text,
        language -> Text,
        users -> BigInt,
        privacy -> Text,
        email_alerts -> Bool,
        push_wanted -> Bool,
        push_stopped -> Bool,
        state -> Text,
        state_reason -> Nullable<Text>,
        state_before -> Nullable<Text>,
        over_limit_since -> Nullable<Moment>,
        held_since -> Nullable<Moment>,
        proof -> Nullable<Text>,
        proved_at -> Nullable<Moment>,
        proof_token -> Text,
        created_at -> Moment,
        changed_at -> Moment,
        revision -> BigInt,
        contact_name -> Nullable<Text>,
        contact_email -> Nullable<Text>,
        contact_told_at -> Nullable<Moment>,
        held_beside -> Nullable<Id>,
        refused_at -> Nullable<Moment>,
        pairing_until -> Nullable<Moment>,
        called_at -> Nullable<Moment>,
        grace_until -> Nullable<Moment>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::super::types::{Id, Moment};

    access_keys (id) {
        id -> Id,
        site_id -> Id,
        kind -> Text,
        permissions -> BigInt,
        prefix -> Text,
        key_hash -> Binary,
        device_id -> Nullable<Id>,
        successor_id -> Nullable<Id>,
        created_at -> Moment,
        expires_at -> Nullable<Moment>,
        revoked_at -> Nullable<Moment>,
        last_used_at -> Nullable<Moment>,
        requested -> Bool,
        use_count -> BigInt,
        last_network -> Nullable<Text>,
        end_told_at -> Nullable<Moment>,
        age_told_at -> Nullable<Moment>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::super::types::{Id, Moment};

    registrations (id) {
        id -> Id,
        site_id -> Id,
        secret_hash -> Binary,
        identifier_hash -> Binary,
        signing_sealed -> Nullable<Binary>,
        token_hash -> Nullable<Binary>,
        hub_url -> Text,
        created_at -> Moment,
        called_at -> Nullable<Moment>,
        alerts_email -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::super::types::{Id, Moment};

    site_reports (site_id, day) {
        site_id -> Id,
        day -> Moment,
        at -> Moment,
        signed -> Bool,
        figures -> Text,
        unknown -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::super::types::{Id, Moment};

    plugin_reports (site_id, month) {
        site_id -> Id,
        month -> Moment,
        at -> Moment,
        plugins -> Nullable<Text>,
        ai -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::super::types::{Id, Moment};

    devices (id) {
        id -> Id,
        site_id -> Id,
        token_hash -> Binary,
        token_sealed -> Binary,
        hint -> Text,
        platform -> Text,
        app -> Text,
        channel -> Text,
        language -> Nullable<Text>,
        created_at -> Moment,
        seen_at -> Moment,
        confirmed_at -> Nullable<Moment>,
        unregistered_at -> Nullable<Moment>,
        name -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::super::types::{Id, Moment};

    letters (id) {
        id -> Id,
        kind -> Text,
        account_id -> Nullable<Id>,
        site_id -> Nullable<Id>,
        to_address -> Text,
        to_name -> Text,
        subject -> Text,
        text_body -> Text,
        html_body -> Text,
        secret -> Nullable<Text>,
        created_at -> Moment,
        due_at -> Moment,
        tries -> BigInt,
        lease -> Nullable<Id>,
        leased_until -> Moment,
        sent_at -> Nullable<Moment>,
        failed_at -> Nullable<Moment>,
        error -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::super::types::{Id, Moment};

    audit (seq) {
        seq -> BigInt,
        id -> Id,
        at -> Moment,
        actor_kind -> Text,
        actor_id -> Nullable<Id>,
        event -> Text,
        site_id -> Nullable<Id>,
        account_id -> Nullable<Id>,
        reason -> Nullable<Text>,
        hash -> Binary,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::super::types::{Id, Moment};

    usage_hourly (site_id, hour, code) {
        site_id -> Id,
        hour -> Moment,
        code -> Text,
        pushes -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::super::types::{Id, Moment};

    recent_pushes (id) {
        id -> Id,
        site_id -> Id,
        at -> Moment,
        app -> Text,
        hint -> Text,
        body_bytes -> BigInt,
        code -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::super::types::{Id, Moment};

    changes (seq) {
        seq -> BigInt,
        kind -> Text,
        entity -> Id,
        at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::super::types::{Id, Moment};

    hub_secret (id) {
        id -> BigInt,
        fingerprint -> Binary,
        secret -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::super::types::{Id, Moment};

    site_terms (site_id) {
        site_id -> Id,
        binding -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::super::types::{Id, Moment};

    jobs (name) {
        name -> Text,
        due_at -> Moment,
        lease -> Nullable<Id>,
        leased_until -> Moment,
        started_at -> Nullable<Moment>,
        ended_at -> Nullable<Moment>,
        well_at -> Nullable<Moment>,
        took_ms -> Nullable<BigInt>,
        runs -> BigInt,
        failures -> BigInt,
        error -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::super::types::{Id, Moment};

    broadcasts (id) {
        id -> Id,
        site_id -> Id,
        state -> Text,
        app -> Text,
        channel -> Nullable<Text>,
        platform -> Nullable<Text>,
        body_sealed -> Nullable<Binary>,
        total -> BigInt,
        sent -> BigInt,
        refused -> BigInt,
        begun -> BigInt,
        after_id -> Nullable<Id>,
        due_at -> Moment,
        lease -> Nullable<Id>,
        leased_until -> Moment,
        created_at -> Moment,
        started_at -> Nullable<Moment>,
        ended_at -> Nullable<Moment>,
        why -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::super::types::{Id, Moment};

    idempotent_answers (site_id, key_hash) {
        site_id -> Id,
        key_hash -> Binary,
        request_hash -> Binary,
        status -> Nullable<BigInt>,
        answer_sealed -> Nullable<Binary>,
        created_at -> Moment,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    access_keys,
    accounts,
    audit,
    broadcasts,
    changes,
    devices,
    hub_secret,
    idempotent_answers,
    jobs,
    letters,
    links,
    plugin_reports,
    recent_pushes,
    registrations,
    sessions,
    site_reports,
    site_terms,
    sites,
    usage_hourly
);
diesel::joinable!(sessions -> accounts (account_id));
diesel::joinable!(registrations -> sites (site_id));
