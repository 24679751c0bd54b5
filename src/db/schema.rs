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
        totp_sealed -> Nullable<Binary>,
        totp_step -> Nullable<BigInt>,
        disabled_at -> Nullable<Moment>,
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
        proved_at -> Nullable<Moment>,
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
        language -> Text,
        topic -> Nullable<Text>,
        erased_at -> Nullable<Moment>,
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
        version -> BigInt,
        address -> Nullable<Text>,
        before -> Nullable<Text>,
        after -> Nullable<Text>,
        salt -> Nullable<Binary>,
        content_hash -> Nullable<Binary>,
        erased_at -> Nullable<Moment>,
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
    use super::super::types::Moment;

    hub_hourly (hour, code) {
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
        max_site_users -> Nullable<BigInt>,
        push_per_second -> Nullable<BigInt>,
        push_burst -> Nullable<BigInt>,
        push_per_day -> Nullable<BigInt>,
        enrol_per_second -> Nullable<BigInt>,
        enrol_burst -> Nullable<BigInt>,
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

diesel::table! {
    use diesel::sql_types::*;
    use super::super::types::{Id, Moment};

    recovery_codes (code_hash) {
        code_hash -> Binary,
        account_id -> Id,
        created_at -> Moment,
        used_at -> Nullable<Moment>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::super::types::{Id, Moment};

    passkeys (id) {
        id -> Id,
        account_id -> Id,
        credential_id -> Binary,
        name -> Text,
        credential -> Text,
        created_at -> Moment,
        used_at -> Nullable<Moment>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::super::types::{Id, Moment};

    ceremonies (id) {
        id -> Id,
        account_id -> Nullable<Id>,
        kind -> Text,
        state_sealed -> Binary,
        expires_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::super::types::{Id, Moment};

    login_places (account_id, place_hash) {
        account_id -> Id,
        place_hash -> Binary,
        first_at -> Moment,
        last_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::super::types::Moment;

    mail_optouts (email_key, topic) {
        email_key -> Text,
        topic -> Text,
        at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::super::types::{Id, Moment};

    refusing_mailboxes (email_key) {
        email_key -> Text,
        at -> Moment,
        letter_id -> Nullable<Id>,
        why -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    audit_head (id) {
        id -> BigInt,
        entries -> BigInt,
        hash -> Binary,
        mac -> Binary,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::super::types::{Id, Moment};

    brakes (site_id) {
        site_id -> Id,
        push_per_second -> BigInt,
        push_per_day -> BigInt,
        enrol_per_second -> BigInt,
        until -> Moment,
        case_id -> Nullable<Id>,
        automatic -> Bool,
        set_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::super::types::{Id, Moment};

    live_settings (name) {
        name -> Text,
        value -> Text,
        changed_at -> Moment,
        account_id -> Nullable<Id>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::super::types::{Id, Moment};

    activity (slot, sign, site_id) {
        slot -> Moment,
        sign -> Text,
        site_id -> Id,
        amount -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::super::types::{Id, Moment};

    key_networks (key_id, network) {
        key_id -> Id,
        network -> Text,
        site_id -> Id,
        seen_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::super::types::Moment;

    watch_marks (name) {
        name -> Text,
        at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::super::types::{Id, Moment};

    cases (id) {
        id -> Id,
        number -> BigInt,
        site_id -> Id,
        state -> Text,
        outcome -> Nullable<Text>,
        opened_by -> Text,
        assigned_to -> Nullable<Id>,
        round -> BigInt,
        opened_at -> Moment,
        changed_at -> Moment,
        signal_at -> Nullable<Moment>,
        seen_at -> Nullable<Moment>,
        appealed_at -> Nullable<Moment>,
        answered_at -> Nullable<Moment>,
        closed_at -> Nullable<Moment>,
        revision -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::super::types::{Id, Moment};

    case_signals (case_id, signal) {
        case_id -> Id,
        signal -> Text,
        first_at -> Moment,
        last_at -> Moment,
        times -> BigInt,
        amount -> BigInt,
        peak -> BigInt,
        threshold -> BigInt,
        evidence -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::super::types::{Id, Moment};

    case_entries (id) {
        id -> Id,
        case_id -> Id,
        at -> Moment,
        kind -> Text,
        actor_kind -> Text,
        actor_id -> Nullable<Id>,
        words -> Text,
        letter_id -> Nullable<Id>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::super::types::{Id, Moment};

    case_steps (case_id, step, round) {
        case_id -> Id,
        step -> Text,
        round -> BigInt,
        at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::super::types::{Id, Moment};

    abuse_reports (id) {
        id -> Id,
        at -> Moment,
        site_id -> Nullable<Id>,
        case_id -> Nullable<Id>,
        about -> Text,
        words -> Text,
        reporter_email -> Nullable<Text>,
        network -> Text,
        done_at -> Nullable<Moment>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::super::types::Id;

    site_search (site_id) {
        site_id -> Id,
        words -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::super::types::{Id, Moment};

    saved_views (id) {
        id -> Id,
        account_id -> Id,
        name -> Text,
        query -> Text,
        shared -> Bool,
        created_at -> Moment,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::super::types::{Id, Moment};

    erasures (account_id) {
        account_id -> Id,
        asked_at -> Moment,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    abuse_reports,
    access_keys,
    accounts,
    activity,
    audit,
    audit_head,
    brakes,
    broadcasts,
    case_entries,
    case_signals,
    case_steps,
    cases,
    ceremonies,
    changes,
    devices,
    erasures,
    hub_hourly,
    hub_secret,
    idempotent_answers,
    jobs,
    key_networks,
    letters,
    links,
    live_settings,
    login_places,
    mail_optouts,
    passkeys,
    plugin_reports,
    recent_pushes,
    recovery_codes,
    refusing_mailboxes,
    registrations,
    saved_views,
    sessions,
    site_reports,
    site_search,
    site_terms,
    sites,
    usage_hourly,
    watch_marks
);
diesel::joinable!(sessions -> accounts (account_id));
diesel::joinable!(registrations -> sites (site_id));
