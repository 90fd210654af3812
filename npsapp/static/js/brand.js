// The preview beside a brand's form follows what is typed; without this file its link shows what is saved.
(() => {
  "use strict";
  const frame = document.querySelector("[data-preview]");
  const form = frame && document.getElementById(frame.dataset.preview);
  if (!form) return;
  const saved = new URL(frame.src).searchParams;
  let language = saved.get("show");
  let waiting;

  const show = () => {
    const value = (name) => form.elements[name]?.value.trim() ?? "";
    const names = [language, "en", "ru", "uk"].map((code) => value("name_" + code));
    const asked = new URLSearchParams({
      show: language,
      name: names.find(Boolean) ?? "",
      phrase: value("phrase_" + language),
      accent: value("accent"),
    });
    if (form.elements.group_colours.checked) asked.set("groups", "1");
    if (saved.get("logo") && !form.elements.no_logo?.checked) asked.set("logo", saved.get("logo"));
    frame.contentWindow.location.replace(new URL(frame.src).pathname + "?" + asked);
  };

  form.addEventListener("input", (event) => {
    // The sentence is shown in the language one is writing in.
    const typed = /^(?:name|phrase)_(\w+)$/.exec(event.target.name);
    if (typed) language = typed[1];
    clearTimeout(waiting);
    waiting = setTimeout(show, 300);
  });
})();
