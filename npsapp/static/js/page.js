// Comforts of staff pages; everything works without this file.
(() => {
  "use strict";
  const all = (selector) => document.querySelectorAll(selector);

  // Filters apply as soon as one is chosen by hand; typing waits for Enter, and arrow keys that pass by others for the button.
  let byHand = false;
  document.addEventListener("pointerdown", () => { byHand = true; }, true);
  document.addEventListener("keydown", () => { byHand = false; }, true);
  for (const form of all("form[data-autosubmit]")) {
    form.addEventListener("change", (event) => {
      if (byHand && event.target.matches("select, input[type=checkbox], input[type=radio]")) form.requestSubmit();
    });
    // Empty fields only make the address longer.
    form.addEventListener("submit", () => {
      for (const field of form.querySelectorAll("[name]")) if (field.value === "") field.disabled = true;
    });
  }
  // A page that comes back from the browser's memory must not keep them disabled, nor think that it was sent.
  window.addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    for (const field of all("form[data-autosubmit] [name]")) field.disabled = false;
    for (const form of all("form[data-sent]")) delete form.dataset.sent;
    for (const button of all("[data-word][aria-disabled]")) ready(button);
  });

  // Menus close on Escape, on a click elsewhere, and when another one opens.
  const menus = () => all("details.drop[open], details.nav[open]");
  document.addEventListener("click", (event) => {
    for (const menu of menus()) if (!menu.contains(event.target)) menu.open = false;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of menus()) {
      if (menu.contains(document.activeElement)) menu.querySelector("summary").focus();
      menu.open = false;
    }
  });

  // A second press of the button is not a second deed. What takes longer than a moment says so, also aloud.
  const live = document.getElementById("live");
  const wait = (button) => {
    button.dataset.word ??= button.textContent;
    button.style.minWidth = `${button.offsetWidth}px`;
    button.textContent = live.textContent = document.body.dataset.wait;
    button.setAttribute("aria-disabled", "true");
  };
  const ready = (button) => {
    button.textContent = button.dataset.word;
    button.removeAttribute("aria-disabled");
    live.textContent = "";
  };
  document.addEventListener("submit", (event) => {
    const form = event.target, button = event.submitter;
    if (event.defaultPrevented || form.method !== "post" || button?.formTarget) return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "1";
    const slow = live && button?.matches(".btn") && setTimeout(() => wait(button), 300);
    addEventListener("pagehide", () => clearTimeout(slow), { once: true });
    setTimeout(() => delete form.dataset.sent, 4000);
  });
  // A file comes without a new page: nothing tells when it is there.
  for (const link of all("a[download]")) {
    link.addEventListener("click", (event) => {
      if (link.ariaDisabled === "true") { event.preventDefault(); return; }
      wait(link);
      setTimeout(() => ready(link), 3000);
    });
  }

  // A long list of boxes is narrowed by typing, and says what is ticked.
  for (const list of all("details[data-many]")) {
    const summary = list.querySelector("summary > :last-child"), word = list.querySelector("input[type=search]");
    word.parentElement.hidden = false;
    word.addEventListener("input", () => {
      const part = word.value.trim().toLowerCase();
      for (const item of list.querySelectorAll("li")) {
        item.style.display = item.textContent.toLowerCase().includes(part) ? "" : "none";
      }
    });
    word.addEventListener("keydown", (event) => { if (event.key === "Enter") event.preventDefault(); });
    list.addEventListener("change", () => {
      const ticked = [...list.querySelectorAll("li")].filter((item) => item.querySelector("input").checked);
      summary.textContent = ticked.map((item) => item.textContent.trim()).join(", ") || list.dataset.many;
    });
  }

  // "/" goes to the search field.
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    const field = [...all("input[type=search]")].find((one) => one.checkVisibility());
    if (field) { event.preventDefault(); field.focus(); }
  });

  // data-confirm asks first.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    const asker = event.submitter?.dataset.confirm ? event.submitter : form;
    if (!asker.dataset.confirm) return;
    if (window.confirm(asker.dataset.confirm)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }, true);

  // Copying: the button appears only where it works.
  if (navigator.clipboard) {
    for (const button of all("button[data-copy]")) {
      button.hidden = false;
      button.addEventListener("click", async () => {
        const source = document.getElementById(button.dataset.copy);
        await navigator.clipboard.writeText((source.value ?? source.textContent).trim());
        button.dataset.word ??= button.textContent;
        button.textContent = "✓ " + button.dataset.word;
        setTimeout(() => { button.textContent = button.dataset.word; }, 2000);
      });
    }
  }

  // After a refused form the reader stands at the list of what to mend.
  // Not before the page has gone to the form that its address names: that would take the focus away again.
  const errors = document.querySelector("[data-focus]");
  if (errors) addEventListener("load", () => setTimeout(() => errors.focus()));
})();
