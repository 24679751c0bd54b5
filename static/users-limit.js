// Says, while the number of users is typed, what it means for push.
"use strict";
(() => {
  const note = document.getElementById("users-limit");
  const field = document.getElementById("users");
  const verdict = note && note.querySelector("[data-verdict]");
  if (!note || !field || !verdict) return;
  const limit = Number(note.dataset.limit);
  const unknown = verdict.textContent;
  const judge = () => {
    const digits = field.value.replace(/[\s,.']/g, "");
    const users = /^\d+$/.test(digits) ? Number(digits) : NaN;
    note.classList.toggle("ok", users < limit);
    note.classList.toggle("warn", users >= limit);
    if (Number.isNaN(users)) verdict.textContent = unknown;
    else if (users < limit) verdict.textContent = "With this number push can be on.";
    else verdict.textContent = "With this number push stays off. Your site is registered all the same; ask the hub's team if you need push.";
  };
  field.addEventListener("input", judge);
  judge();
})();
