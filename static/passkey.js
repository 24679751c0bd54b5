// Shows the passkey buttons where the browser knows passkeys: asks the hub what to ask, asks the authenticator, and sends the answer with its form.
"use strict";
(() => {
  if (!window.PublicKeyCredential || !navigator.credentials) return;
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const listed = (list) => (list || []).map((one) => ({ ...one, id: bytes(one.id) }));

  const ask = async (options) => {
    options.challenge = bytes(options.challenge);
    if (options.user) {
      options.user.id = bytes(options.user.id);
      options.excludeCredentials = listed(options.excludeCredentials);
      return navigator.credentials.create({ publicKey: options });
    }
    options.allowCredentials = listed(options.allowCredentials);
    return navigator.credentials.get({ publicKey: options });
  };

  const plain = (made) => {
    const response = { clientDataJSON: text(made.response.clientDataJSON) };
    if (made.response.attestationObject) {
      response.attestationObject = text(made.response.attestationObject);
    } else {
      response.authenticatorData = text(made.response.authenticatorData);
      response.signature = text(made.response.signature);
      response.userHandle = made.response.userHandle ? text(made.response.userHandle) : null;
    }
    return JSON.stringify({ id: made.id, rawId: text(made.rawId), type: made.type, extensions: {}, response });
  };

  for (const form of document.querySelectorAll("form[data-passkey]")) {
    const button = form.querySelector("[data-passkey-button]");
    const error = form.querySelector("[data-passkey-error]");
    if (!button || !error) continue;
    const say = (words) => { error.textContent = words; error.hidden = !words; };
    button.hidden = false;
    button.addEventListener("click", async () => {
      say("");
      button.disabled = true;
      try {
        const body = new URLSearchParams({ csrf_token: form.elements.csrf_token.value });
        const answer = await fetch(form.dataset.passkey, { method: "POST", body, headers: { Accept: "application/json" } });
        if (!answer.ok) throw new Error(answer.status === 429 ? "That was a lot at once. Wait a minute, then try again." : "The hub did not answer as it should. Reload the page and try again.");
        const asked = await answer.json();
        const made = await ask(asked.publicKey);
        form.querySelector("[data-passkey-ceremony]").value = asked.ceremony;
        form.querySelector("[data-passkey-credential]").value = plain(made);
        form.submit();
      } catch (why) {
        if (why instanceof DOMException && why.name === "InvalidStateError") say("This device has a passkey for this account already.");
        else if (why instanceof DOMException) say("No passkey was used. You can try again, or go on without one.");
        else say(why.message);
        button.disabled = false;
      }
    });
  }
})();
