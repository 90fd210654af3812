// The progress of an import, until it is finished; without scripts the page reloads itself.
(() => {
  "use strict";
  const box = document.querySelector("[data-progress]");
  let pause = 1000;

  const look = async () => {
    try {
      const answer = await fetch(location.href);
      if (!answer.ok) throw new Error(answer.status);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const news = page.querySelector("[data-progress]");
      if (!news || news.dataset.progress !== box.dataset.progress) { location.reload(); return; }
      box.querySelector("progress").replaceWith(news.querySelector("progress"));
      box.querySelector("[role=status]").textContent = news.querySelector("[role=status]").textContent;
      pause = 1000;
    } catch {
      pause = Math.min(pause * 2, 30000);
    }
    setTimeout(look, pause);
  };
  setTimeout(look, pause);
})();
