"""A client names each of its requests by itself: what is sent twice under one name is tested in tests/it/api.rs."""

import uuid

import schemathesis


@schemathesis.hook
def before_call(ctx, case, kwargs):
    name = (case.headers or {}).get("Idempotency-Key")
    if isinstance(name, str) and 0 < len(name) <= 255 and all("!" <= char <= "~" for char in name):
        case.headers["Idempotency-Key"] = f"{name[:200]}-{uuid.uuid4()}"
