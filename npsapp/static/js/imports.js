// The progress of an import, until it is finished; without scripts the page reloads itself.
(() => {
  "use strict";
  const box = document.querySelector("[data-progress]");
  if (!box) return;
  const bar = box.querySelector("progress");
  const words = box.querySelector("[data-words]");
  let pause = 1000;
  let state = null;

  const look = async () => {
    try {
      const answer = await fetch(box.dataset.progress, { headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(answer.status);
      const news = await answer.json();
      if (news.finished || (state && news.state !== state)) { location.reload(); return; }
      state = news.state;
      words.textContent = news.words;
      if (news.state === "applying") { bar.max = news.rows || 1; bar.value = news.applied; }
      pause = 1000;
    } catch {
      pause = Math.min(pause * 2, 30000);
    }
    setTimeout(look, pause);
  };
  setTimeout(look, pause);
})();
