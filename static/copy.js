// Shows the copy buttons where the browser can copy, and copies what they name: the value of a field, or a text.
"use strict";
(() => {
  if (!navigator.clipboard) return;
  const told = document.createElement("p");
  told.className = "visually-hidden";
  told.setAttribute("role", "status");
  (document.querySelector("main") || document.body).append(told);
  for (const button of document.querySelectorAll("[data-copy]")) {
    const source = document.getElementById(button.dataset.copy);
    if (!source) continue;
    const face = button.firstChild;
    const label = face.data;
    const say = (words) => {
      face.data = words;
      told.textContent = words;
      setTimeout(() => { face.data = label; told.textContent = ""; }, 2000);
    };
    button.hidden = false;
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText("value" in source ? source.value : source.textContent);
        say("Copied");
      } catch {
        // Not allowed: mark it, so that the keyboard can copy it.
        if ("select" in source) { source.focus(); source.select(); }
        else getSelection().selectAllChildren(source);
        say("Marked");
      }
    });
  }
})();
